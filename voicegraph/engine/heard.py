"""The heard ledger: what of each reply the caller has heard, from what the line reports of its playback.

A reply is a row of chunks of audio, some with the words that begin in them. Words are spread over the sound from the
chunk that names them up to the next chunk that names some, by how long they and the pauses behind them take to say. A
word counts as heard when its last sound has been played. Where the sound of a text is still being made, its length is
guessed from the voice's pace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from voicegraph.call import SLACK, Reply, Word
from voicegraph.frames import TTSAudio

_SOUNDED = re.compile(r"\w")

PER_WORD = 2
"""Letters that a word takes beyond its own: short words are not said as quickly as they are written."""
PAUSES = {**dict.fromkeys(",;:—", 4), **dict.fromkeys(".!?…", 6)}
"""Letters that could be said in the pause behind a word that ends so."""
PACE = 1 / 20
"""Seconds that such a letter takes, until the voice's own pace is known: about 160 words a minute."""
PRIOR = 40
"""Letters for which that guess counts against what was measured."""
CAUTION = 1.25
"""How much slower than its pace a voice may say a sentence: rather is a word said twice than none."""
MOST = 0.5
"""A line that has played all it was given, so much of the guess at least, has been given all: voices outrun the ear."""


@dataclass
class _Span:
    """A text and its sound. start: seconds into the reply. seconds: of sound so far; of all of it once `complete`.

    must: it is to be said to its end. discarded_at: seconds into the span where an interrupt cut it.
    """

    text: str
    start: float
    must: bool
    seconds: float = 0.0
    complete: bool = False
    discarded_at: float | None = None

    @property
    def end(self) -> float:
        return self.start + self.seconds

    @cached_property
    def words(self) -> list[str]:
        return self.text.split()

    @cached_property
    def letters(self) -> int:
        return sum(sound + pause for sound, pause in map(_letters, self.words))

    def whole(self, played: float, pace: float) -> float:
        """Seconds that all of it takes, be it made yet or not. pace: of the voice, in seconds a letter."""
        guess = self.letters * pace
        if self.complete or (played >= self.end - SLACK and self.seconds > guess * MOST):
            return self.seconds
        return max(self.seconds, guess)

    def discard(self, played: float, pace: float) -> None:
        """An interrupt: the caller hears no more of it."""
        self.seconds, self.complete = self.whole(played, pace), True
        self.discarded_at = max(0.0, played - self.start)

    def tell(self, played: float, pace: float) -> Iterator[Word]:
        """Its words. played: seconds of the reply heard."""
        whole = self.whole(played, pace)
        limit = played - self.start if self.discarded_at is None else self.discarded_at
        position = 0.0
        last = len(self.words) - 1
        for index, word in enumerate(self.words):
            sound, pause = _letters(word)
            position += whole * sound / self.letters
            if index == last:
                position = whole  # a text's last word may have no pause behind it
            if position <= limit + SLACK:
                yield Word(word, "heard")
            else:
                yield Word(word, "queued" if self.discarded_at is None else "discarded")
            position += whole * pause / self.letters


@dataclass
class _Entry:
    """One reply so far. queued, played: seconds of its audio, without what was discarded. kept: see Reply."""

    spans: list[_Span] = field(default_factory=list[_Span])
    queued: float = 0.0
    played: float = 0.0
    ended: bool = False
    interrupted: bool = False
    kept: bool = False

    @property
    def over(self) -> bool:
        return (self.interrupted and not self.kept) or (self.ended and self.played >= self.queued - SLACK)

    def cut(self, pace: float) -> None:
        """Discards what is not heard, but for what must be said, which moves up."""
        self.interrupted = True
        position = self.played
        for span in self.spans:
            if span.discarded_at is not None:
                continue
            if span.complete and span.end <= self.played:
                continue
            if span.must:
                span.start = min(span.start, position)
                position = max(position, span.end)
            else:
                span.discard(self.played, pace)
        self.queued = position


class Heard:
    """The replies of one call, by turn."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._live: set[int] = set()  # turns that are not over
        self._silent: set[int] = set()
        self._letters, self._seconds = float(PRIOR), PRIOR * PACE  # of this voice, so far
        self._told: dict[int, Reply] = {}  # those that are over, and change no more

    def begun(self, turn: int, *, audible: bool = True) -> None:
        """A turn was opened. One that no way leads from to the line is over at once, for all that the caller hears."""
        self._entries[turn] = _Entry(ended=not audible)
        (self._live if audible else self._silent).add(turn)

    def queued(self, audio: TTSAudio) -> None:
        """This audio goes to the line."""
        entry = self._entries[audio.turn]
        must = not audio.interruptible
        if audio.text or not entry.spans or entry.spans[-1].must != must:
            self._complete(entry)
            entry.spans.append(_Span(audio.text, entry.queued, must))
        entry.spans[-1].seconds += audio.seconds
        entry.queued += audio.seconds

    def played(self, turn: int, seconds: float) -> None:
        """The line has played so many seconds in all of this turn's audio."""
        if turn in self._entries:
            entry = self._entries[turn]
            entry.played = max(entry.played, min(seconds, entry.queued))
            self._settle(turn)

    def ended(self, turn: int) -> None:
        """All of this turn's audio goes to the line already."""
        entry = self._entries[turn]
        entry.ended = True
        self._complete(entry)
        self._settle(turn)

    def interrupt(self, outlives: Callable[[int], bool] = lambda turn: False) -> list[int]:
        """No reply will be finished: marks those that were not heard to their end, and tells which were given up.

        outlives: whether a part of a turn must still be said.
        """
        given_up = sorted(self._live | self._silent)
        for turn in self._live:
            self._entries[turn].cut(self._pace)
            self._entries[turn].kept = outlives(turn)
        self._live = {turn for turn in self._live if not self._entries[turn].over}
        self._silent.clear()
        return given_up

    def live(self) -> frozenset[int]:
        """The turns that are not over, as far as the caller can hear."""
        return frozenset(self._live)

    def broke_off(self, turn: int, unsaid: int) -> None:
        """The newest text of a turn has all the sound it will get, without so many of its last words."""
        entry = self._entries[turn]
        if not entry.spans or (span := entry.spans[-1]).complete or span.discarded_at is not None:
            return
        said = " ".join(span.words[: max(0, len(span.words) - unsaid)])
        entry.spans[-1] = replace(span, text=said, complete=True)  # of which nothing is to be learnt about the pace

    def ahead(self) -> float:
        """Seconds of sound that the line was given and the caller has not heard, as far as is known."""
        return sum(self._entries[turn].queued - self._entries[turn].played for turn in self._live)

    def speaking(self) -> bool:
        """Whether a reply is on its way or being heard."""
        return bool(self._live)

    def must_go_on(self) -> bool:
        """Whether what is being heard right now must be said to its end."""
        for turn in sorted(self._live):
            entry = self._entries[turn]
            for span in entry.spans:
                if span.discarded_at is None and span.end > entry.played + SLACK:
                    return span.must
        return False

    def replies(self) -> list[Reply]:
        """All replies of the call, in the order of their turns."""
        return [self.reply(turn) for turn in self._entries]

    def reply(self, turn: int) -> Reply:
        """What was said and heard of a turn so far."""
        entry = self._entries.get(turn)
        if entry is None:
            return Reply(turn)
        if turn in self._told:
            return self._told[turn]
        words = tuple(word for span in entry.spans for word in span.tell(entry.played, self._pace))
        reply = Reply(
            turn,
            said=" ".join(word.text for word in words),
            heard=" ".join(word.text for word in words if word.state == "heard"),
            seconds=entry.queued,
            heard_seconds=entry.played,
            ended=entry.ended,
            interrupted=entry.interrupted,
            kept=entry.kept,
            words=words,
        )
        if entry.over:
            self._told[turn] = reply
        return reply

    def spoken(self, text: str, seconds: float) -> int:
        """How many words of a text have been said in full for certain, at this voice's pace, in so much sound of it."""
        count, position = 0, 0.0
        for word in text.split():
            sound, pause = _letters(word)
            if position + sound * self._pace * CAUTION > seconds:
                break
            position += (sound + pause) * self._pace * CAUTION
            count += 1
        return count

    @property
    def _pace(self) -> float:
        return self._seconds / self._letters

    def _settle(self, turn: int) -> None:
        if self._entries[turn].over:
            self._live.discard(turn)

    def _complete(self, entry: _Entry) -> None:
        """The last span has all its sound, which tells how fast the voice speaks."""
        if entry.spans and not (span := entry.spans[-1]).complete and span.discarded_at is None:
            span.complete = True
            self._letters += span.letters
            self._seconds += span.seconds if span.letters else 0.0


@lru_cache(maxsize=4096)
def _letters(word: str) -> tuple[int, int]:
    """How long a word takes to say, and the pause behind it."""
    return len(_SOUNDED.findall(word)) + PER_WORD, PAUSES.get(word.rstrip("\"')]}»”\u2019")[-1:], 0)
