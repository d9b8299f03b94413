"""A call kept on disk as it goes: both sides as a stereo WAV, and what was said as JSON Lines.

Left is the caller, right what the caller heard of the agent, placed where it was heard: what an interrupt cut off is
not there. Both files grow while the call lasts, and hold all but its last second at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loguru import logger

from voicegraph.call import Reply
from voicegraph.errors import VoicegraphError
from voicegraph.frames import Audio, Dtmf, Frame, Transcript, TTSAudio
from voicegraph.graph.plan import Plan
from voicegraph.observe.files import Files
from voicegraph.observe.tracks import Heard, Track, stereo

EVERY = 0.25
"""Seconds from one writing to the next."""
HOLD = 0.5
"""Seconds that are not written yet: reports of what was heard come late."""
STALL = 5.0
"""Seconds that a caller whose sound does not come is waited for. After that there is silence in its place."""


@dataclass
class _Said:
    """A reply of which something was heard. at, end: seconds in the recording. written: its line in the transcript."""

    at: float
    end: float
    written: dict[str, Any] = field(default_factory=dict[str, Any])


class Recording:
    """An observer of a `Session`, and an asynchronous context manager around its run.

    base: the files' path but for `.wav` and `.jsonl`. reply: the session's. clock: the loop's, if not given. A disk
    that fails is logged, and the call goes on.
    """

    def __init__(
        self, base: Path, plan: Plan, reply: Callable[[int], Reply], clock: Callable[[], float] | None = None
    ) -> None:
        self.wav = base.with_name(f"{base.name}.wav")
        self.transcript = base.with_name(f"{base.name}.jsonl")
        self._plan = plan
        self._reply = reply
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._voices = {edge.giver for edge in plan.edges if edge.taker == plan.line and edge.frame is TTSAudio}
        self._files = Files(self.wav, self.transcript)
        self._zero = 0.0
        self._rate = 0  # of both sides: that of the caller's
        self._offset = 0.0  # where in the recording the caller's sound begins
        self._came: tuple[float, float] | None = None  # a position in the caller's sound, and when that came in
        self._left, self._right = Track(), Track()
        self._heard = Heard()
        self._said: dict[int, _Said] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Recording:
        self._zero = self._clock()
        self._files.open()
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._files.add({"graph": self._plan.name, "began": began, "audio": self.wav.name})
        self._plan_writing()
        return self

    async def __aexit__(self, *_: object) -> None:
        """All that is there goes to the disk."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell_agent(last=True)
        self._write(max(self._left.end, self._right.end))
        await self._files.close()

    def given(self, node: str, frame: Frame) -> None:
        if type(frame) is Audio:
            if node == self._plan.line:
                self._on_caller(frame)
        elif type(frame) is TTSAudio:
            if node in self._voices:
                self._heard.queue(frame)
        elif type(frame) is Transcript:
            if frame.final and frame.text.strip():
                self._on_words(frame)
        elif type(frame) is Dtmf:
            self._files.add({"at": self._told(self._now()), "who": "caller", "key": frame.digit})

    def played(self, turn: int, seconds: float) -> None:
        reply = self._reply(turn)
        pieces = self._heard.advance(reply)
        length = sum(piece.seconds for piece in pieces)
        if not length:
            return
        now = self._now()
        said = self._said.setdefault(turn, _Said(now - length, now))
        said.end = now
        rate = self._rate or pieces[0].rate
        at = round((now - length) * rate)
        for piece in pieces:
            at = self._right.put_heard(at, piece, rate)

    # --- the caller --------------------------------------------------------------------------------------------------

    def _on_caller(self, audio: Audio) -> None:
        if self._came is None:
            self._rate = audio.rate
            if self._right.end:  # else the recording begins with the caller
                self._offset = max(0.0, audio.born - audio.seconds - audio.at - self._zero)
        self._came = (audio.at + audio.seconds, audio.born)
        self._left.put(round((self._offset + audio.at) * self._rate), audio.pcm)

    def _on_words(self, words: Transcript) -> None:
        """One with the `start` of one before replaces that."""
        line: dict[str, Any] = {"at": self._told(self._now()), "who": "caller", "text": words.text}
        if words.start is not None:
            start, end = self._offset + words.start, self._offset + max(words.start, words.end)
            line |= {"at": self._told(start), "end": self._told(end)}
        self._files.add(line)

    def _now(self) -> float:
        """Where in the recording this moment is: by the caller's sound, whose clock is not quite ours."""
        now = self._clock()
        return now - self._zero if self._came is None else self._offset + self._came[0] + now - self._came[1]

    # --- writing -----------------------------------------------------------------------------------------------------

    def _plan_writing(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._on_time)

    def _on_time(self) -> None:
        self._tell_agent()
        now = self._now()
        until = max(min(now - HOLD, self._left.end / self._rate), now - STALL) if self._rate else 0.0
        self._write(round(until * self._rate))
        self._plan_writing()

    def _tell_agent(self, *, last: bool = False) -> None:
        """One line for each reply of which more was heard. A later line of a turn replaces the ones before."""
        for turn, said in [*self._said.items()]:
            reply = self._reply(turn)
            over = reply.over or last
            line: dict[str, Any] = {"at": self._told(said.at), "end": self._told(said.end), "who": "agent"}
            line |= {"turn": turn, "text": reply.heard, "over": over}
            if over and reply.said != reply.heard:
                line |= {"interrupted": reply.interrupted, "said": reply.said}
            if (line["text"], over) != (said.written.get("text", ""), said.written.get("over", False)):
                said.written = line
                self._files.add(line)
            if over:
                del self._said[turn]

    def _write(self, until: int) -> None:
        """Sound up to this sample."""
        rate = self._rate or self._heard.rate
        if rate and until > self._left.begin:
            left, right = self._left.take(until), self._right.take(until)
            self._files.sound(rate, stereo(left, right))

    def _told(self, position: float) -> float:
        return round(max(0.0, position), 3)


def prepare(folder: Path) -> None:
    """Raises VoicegraphError if no recordings can be put there; makes the folder if it is not there."""
    probe = folder / ".voicegraph"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        logger.debug("{}: {}", folder, error)
        raise VoicegraphError(
            f"cannot keep recordings in {folder}: {error.strerror or error}. Choose a directory that you may write to."
        ) from error
