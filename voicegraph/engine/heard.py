"""The heard ledger: what of each reply the caller has heard, from what the line reports of its playback.

A reply is a row of chunks of audio, some with the words that begin in them. Words are spread evenly, by letters, over
the sound from the chunk that names them up to the next chunk that names some. A word counts as heard when its last
sound has been played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicegraph.call import SLACK, Reply
from voicegraph.frames import TTSAudio

_WORD = re.compile(r"\S+\s*")


@dataclass
class _Span:
    """Words and the stretch of the reply's audio, in seconds, that speaks them."""

    text: str
    start: float
    end: float

    def heard(self, seconds: float) -> str:
        """The words whose end lies at or before `seconds`."""
        if seconds >= self.end:
            return self.text
        words = _WORD.findall(self.text)
        letters = sum(map(len, words))
        position, heard = self.start, ""
        for word in words:
            position += (self.end - self.start) * len(word) / letters
            if position > seconds:
                break
            heard += word
        return heard


@dataclass
class _Entry:
    """One reply so far. queued, played: seconds of its audio."""

    spans: list[_Span] = field(default_factory=list[_Span])
    queued: float = 0.0
    played: float = 0.0
    ended: bool = False
    interrupted: bool = False

    @property
    def over(self) -> bool:
        return self.interrupted or (self.ended and self.played >= self.queued - SLACK)


class Heard:
    """The replies of one call, by turn."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._live: set[int] = set()  # turns that are not over
        self._silent: set[int] = set()

    def begun(self, turn: int, *, audible: bool = True) -> None:
        """A turn was opened. One that no way leads from to the line is over at once, for all that the caller hears."""
        self._entries[turn] = _Entry(ended=not audible)
        (self._live if audible else self._silent).add(turn)

    def queued(self, audio: TTSAudio) -> None:
        """This audio goes to the line."""
        entry = self._entries[audio.turn]
        if audio.text:
            entry.spans.append(_Span(audio.text, entry.queued, entry.queued))
        entry.queued += audio.seconds
        if entry.spans:
            entry.spans[-1].end = entry.queued

    def played(self, turn: int, seconds: float) -> None:
        """The line has played so many seconds in all of this turn's audio."""
        if turn in self._entries:
            entry = self._entries[turn]
            entry.played = max(entry.played, min(seconds, entry.queued))
            self._settle(turn)

    def ended(self, turn: int) -> None:
        """All of this turn's audio has gone to the line."""
        self._entries[turn].ended = True
        self._settle(turn)

    def interrupt(self) -> list[int]:
        """No reply will be finished: marks those that were not heard to their end, and tells which were given up."""
        for turn in self._live:
            self._entries[turn].interrupted = True
        given_up = sorted(self._live | self._silent)
        self._live.clear()
        self._silent.clear()
        return given_up

    def speaking(self) -> bool:
        """Whether a reply is on its way or being heard."""
        return bool(self._live)

    def _settle(self, turn: int) -> None:
        if self._entries[turn].over:
            self._live.discard(turn)

    def replies(self) -> list[Reply]:
        """All replies of the call, in the order of their turns."""
        return [self.reply(turn) for turn in self._entries]

    def reply(self, turn: int) -> Reply:
        """What was said and heard of a turn so far."""
        entry = self._entries.get(turn)
        if entry is None:
            return Reply(turn)
        played = entry.played + SLACK
        return Reply(
            turn,
            said=_join(span.text for span in entry.spans),
            heard=_join(span.heard(played) for span in entry.spans if span.start < played),
            seconds=entry.queued,
            heard_seconds=entry.played,
            ended=entry.ended,
            interrupted=entry.interrupted,
        )


def _join(texts: Iterable[str]) -> str:
    return " ".join(text.strip() for text in texts if text.strip())
