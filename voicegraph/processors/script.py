"""A transcriber that knows beforehand what will be said. Needs nothing installed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from voicegraph.durations import Duration
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node


@dataclass(frozen=True, kw_only=True)
class Line:
    """text: what is recognised, `at` this position in the caller's audio.

    final: the caller has just finished saying it; otherwise it is a guess, which the next line replaces.
    since: where the caller began to speak. Needed once for lines that replace each other; `at` by default.
    """

    __pydantic_config__ = {"extra": "forbid"}

    at: Duration
    text: str
    final: bool = True
    since: Duration | None = None


Heard = SpeechStarted | SpeechStopped | Transcript


@node("script.stt")
class Script:
    """Gives the transcripts of its script as the call's audio reaches their places, whatever is in the audio.

    A stand-in for speech recognition. speech: also tell when the caller's speech starts and stops, as a voice activity
    detector would, so that a graph needs none.
    """

    script: tuple[Line, ...]
    speech: bool = True

    def __post_init__(self) -> None:
        self._to_come = deque(self._events())

    def on_audio(self, audio: Audio) -> Iterator[Heard]:
        position = audio.at + audio.seconds
        while self._to_come and _place(self._to_come[0]) <= position:
            event = self._to_come.popleft()
            yield event if isinstance(event, Transcript) else replace(event, noticed=position)

    def _events(self) -> Iterator[Heard]:
        """All that will be given, in order. Raises ValueError for lines out of order."""
        since: float | None = None  # where the speech that is going on began
        last = 0.0
        for line in self.script:
            began = since is None
            if since is None:
                since = line.at if line.since is None else line.since
            if line.at < last or (began and not last <= since <= line.at):
                raise ValueError(
                    f"the script goes back in time at {line.text!r}: each `since` and `at` is after the last"
                )
            if self.speech and began:
                yield SpeechStarted(at=since)
            if self.speech and line.final:
                yield SpeechStopped(at=line.at)
            yield Transcript(line.text, final=line.final, start=since, end=line.at)
            last = line.at
            since = None if line.final else since


def _place(event: Heard) -> float:
    return event.end if isinstance(event, Transcript) else event.at
