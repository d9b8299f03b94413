"""The heard ledger: what of each reply the caller has heard, from what the line reports of its playback.

A reply is a row of chunks of audio, some with the words that begin in them. Words are spread evenly, by letters, over
the sound from the chunk that names them up to the next chunk that names some. A word counts as heard when its last
sound has been played.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicegraph.call import Reply
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
    """One reply so far. All in seconds of its audio."""

    spans: list[_Span] = field(default_factory=list[_Span])
    queued: float = 0.0
    played: float = 0.0
    ended: bool = False
    interrupted: bool = False


class Heard:
    """The replies of one call, by turn."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}

    def queued(self, audio: TTSAudio) -> None:
        """This audio goes to the line."""
        entry = self._entries.setdefault(audio.turn, _Entry())
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

    def ended(self, turn: int) -> None:
        """All of this turn's audio has gone to the line."""
        self._entries.setdefault(turn, _Entry()).ended = True

    def interrupt(self, floor: int) -> None:
        """Turns below `floor` will not be finished: marks those that were not heard to their end."""
        for turn in range(1, floor):
            entry = self._entries.setdefault(turn, _Entry())
            if not entry.ended or entry.played < entry.queued:
                entry.interrupted = True

    def replies(self) -> list[Reply]:
        """All replies that have come to the line or were given up, in the order of their turns."""
        return [self.reply(turn) for turn in sorted(self._entries)]

    def reply(self, turn: int) -> Reply:
        """What was said and heard of a turn so far."""
        entry = self._entries.get(turn)
        if entry is None:
            return Reply(turn)
        # A tenth of a sample: sums of chunk lengths are not exact in binary.
        played = entry.played + 1e-5
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
