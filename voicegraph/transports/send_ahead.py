"""What goes out to a carrier: at the pace at which it is heard, a little ahead of it, and known by marks. No I/O.

A carrier queues what it is sent, plays it in order, and gives a mark back when all before it has been played. From
when things were sent follows when they are heard, if nothing holds them up on the way; from the marks follows whether
that is so. Both bound what is sent: by the clock no more than `lead` is to be still unheard, and by the marks no more
than `UNCONFIRMED` beyond that. A stall of this process is caught up with at once; a network that holds everything
back for seconds does not find minutes of sound behind it.

A *flush* empties the carrier's queue. What was heard of it by then is told from the clock as the marks have set it,
and counted in whole samples. On an even network the error is the difference in delay between two messages of ours,
and the carrier's own grain, 20 ms; on any network the truth lies between the last mark that came back and the first
that did not, so it is less than `MARK_EVERY` and a round trip.

Times are seconds of any clock that never goes back; sound is counted in bytes, which of G.711 are samples.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isfinite
from typing import NamedTuple

RATE = 8_000
FRAME = RATE // 50
"""20 ms. Messages are made of whole ones, but at the end of a reply."""
MARK_EVERY = 10 * FRAME
"""200 ms, at most. Where words begin there is a mark, too."""
ENDING = 0.06
"""Seconds before all that was sent is heard, when what is left of a frame goes out, with a mark behind it."""
UNCONFIRMED = 1.0
"""Seconds of sound."""
LOST = 5.0
"""Seconds after it was due when a mark is given up: it counts as come, since a reply must have an end."""
ROUND_TRIP = 0.2
"""Seconds that a mark may take to come back, until one has."""

Heard = dict[int, float]
"""Seconds heard in all, of each turn of which something new was."""


class Format(NamedTuple):
    """How a carrier takes sound. rate: samples a second. width: bytes of one.

    step: seconds; room for so much is waited for, or for half the lead if that is less: a message is a wake-up here and
    in the system, so that fewer of them cost less. Or as much as the carrier wants. most: seconds in one message.
    marks: whether it gives them back. If not, what was sent is heard when that is due, by the clock alone, and words
    make no messages of their own.
    """

    rate: int = RATE
    width: int = 1
    step: float = 0.1
    most: float = 0.2
    marks: bool = True

    @property
    def second(self) -> int:
        """Bytes of one."""
        return self.rate * self.width

    @property
    def frame(self) -> int:
        """Bytes of 20 ms."""
        return self.second // 50


G711 = Format()


class Media(NamedTuple):
    """Sound to be sent."""

    codes: bytes


class Mark(NamedTuple):
    """To be sent back when all before it has been played."""

    name: str


class Flush(NamedTuple):
    """All that is not played is to be dropped."""


Send = Media | Mark | Flush


@dataclass(slots=True)
class _Piece:
    """Some sound of one turn. must: it is to be said to its end. word: words begin with it."""

    turn: int
    codes: bytes
    must: bool = False
    word: bool = False


@dataclass(slots=True)
class _Sent:
    """A piece that the carrier has. due: when it will have been heard, if nothing holds it up. mark: behind it."""

    turn: int
    codes: bytes
    must: bool
    due: float
    mark: str = ""


class SendAhead:
    """The way out of one call. Whoever owns it sends what `poll` gives, one after the other, and calls it again at
    `wake_at` or when anything has changed.

    lead: seconds that the carrier is to have before they are heard. Marks that came to nothing are counted: discarded,
    by a flush, be they sent back because of it or not; lost, not come back in time; strange, not of our making.
    """

    def __init__(self, lead: float, form: Format = G711) -> None:
        self._coarse = form.step > G711.step
        self.lead = max(lead, 2 * form.step) if self._coarse else lead
        self._second, self._frame, self._width = form.second, form.frame, form.width
        self._step = round(min(form.step, self.lead / 2) * form.second) // form.frame * form.frame
        self._most_sent = max(round(form.most * form.second), self._step)
        self._mark_every = max(10 * form.frame, self._step)
        self._patience = LOST if form.marks else 0.0
        self._words = form.marks and form.step <= G711.step
        self.discarded = self.lost = self.strange = 0
        self._queue: deque[_Piece] = deque()
        self._queued = 0  # samples
        self._sent: deque[_Sent] = deque()  # not known to be heard
        self._unheard = 0  # samples of it
        self._marks: dict[str, None] = {}  # on their way
        self._ends = -inf  # when all that was sent will have been heard, if nothing holds it up
        self._late = [0.0, 0.0]  # by how much it was held up, by the last two marks
        self._round_trip: float | None = None  # the shortest of the call
        self._unmarked = 0  # samples sent since the last mark
        self._marking = False
        self._flush = False
        self._marked = 0  # marks of the call, so that no two have one name
        self._paused = False
        self._short_since: float | None = None  # less waits than the carrier takes, and more may come
        self._heard: Counter[int] = Counter()  # samples in all, by turn

    # --- what is to be said ------------------------------------------------------------------------------------------

    def add(self, turn: int, codes: bytes, *, must: bool = False, word: bool = False) -> None:
        """Queues some sound. must: it is to be said to its end. word: words begin with it, so a mark goes before it.

        turn 0 is what belongs to no reply, such as the sound of a key.
        """
        if codes:
            self._queue.append(_Piece(turn, codes, must, word and self._words))
            self._queued += len(codes)

    @property
    def backlog(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._queued / self._second

    @property
    def silent(self) -> bool:
        """All has been heard."""
        return not (self._queue or self._sent)

    @property
    def counts(self) -> dict[str, int]:
        """Of marks that came to nothing, by what became of them."""
        return {"marks discarded": self.discarded, "marks lost": self.lost, "strange marks": self.strange}

    def heard(self, turn: int) -> float:
        """Seconds of a turn, as far as it is known."""
        return self._heard[turn] / self._second

    def clear(self, now: float) -> Heard:
        """Drops what is not heard yet and may be dropped. The rest moves up. Returns what has been heard by now."""
        self._requeue([])
        if all(sent.must for sent in self._sent):
            return {}  # what the carrier has goes on without a gap
        return self._take_back(now, must_only=True)

    def pause(self, now: float) -> Heard:
        """Nothing more is heard until `resume`, and nothing is lost. Returns what has been heard by now."""
        self._paused = True
        return self._take_back(now, must_only=False) if self._sent else {}

    def resume(self) -> None:
        """Goes on where `pause` stopped."""
        self._paused = False

    # --- what is to be sent ------------------------------------------------------------------------------------------

    def poll(self, now: float) -> Send | None:
        """The next thing to send, if it is time for one. It counts as sent."""
        if self._flush:
            self._flush = False
            return Flush()
        if self._paused:
            return None
        if self._marking or (self._unmarked and self._mark_is_due(now)):
            return self._mark()
        samples = self._samples_to_send(now)
        return self._take(samples, now) if samples else None

    def wake_at(self) -> float:
        """When `poll`, which has nothing now, may have something again, if nothing else happens: inf for never."""
        if self._paused:
            return inf
        times = [inf]
        step = min(self._step, self._queued)
        if self._short_since is not None:
            times.append(self._filled_up_at(self._short_since))
        elif step >= self._frame and self._most() - self._unheard >= step:
            times.append(self._end() - self.lead + step / self._second)
        if self._short_since is None and (self._unmarked or 0 < self._queued < self._frame):
            times.append(self._end() - ENDING)
        if self._marks:
            times.append(self._given_up_at())
        return min(times)

    # --- what comes back ---------------------------------------------------------------------------------------------

    def marked(self, name: str, now: float) -> Heard:
        """A mark has come back."""
        if name not in self._marks:
            number = name.rpartition(":")[2]
            if not (number.isdecimal() and len(number) < 12 and int(number) <= self._marked):
                self.strange += 1
            return {}  # one of ours was given up, or there was a flush before it: it tells nothing
        due = next(sent.due for sent in self._sent if sent.mark == name)
        took = max(0.0, now - due)
        self._round_trip = took if self._round_trip is None else min(took, self._round_trip)
        self._late = [self._late[1], took - self._round_trip]
        return self._told(self._pop_through(name))

    def give_up_marks(self, now: float) -> Heard:
        """Marks that should have come back long ago count as come. Returns what has been heard with them."""
        turns: set[int] = set()
        while self._marks and self._given_up_at() <= now:
            self.lost += self._patience > 0
            turns |= self._pop_through(next(iter(self._marks)))
        return self._told(turns)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _end(self) -> float:
        """When all that was sent will have been heard. One mark that is late is no sign: its way back may have been."""
        return self._ends + max(0.0, min(self._late))

    def _left(self, now: float) -> int:
        """Samples that were sent and are still to be heard."""
        return max(0, round((self._end() - now) * self._second)) if isfinite(self._ends) else 0

    def _most(self) -> int:
        """Samples that may be unconfirmed."""
        return round((self.lead + UNCONFIRMED) * self._second)

    def _given_up_at(self) -> float:
        first = next(iter(self._marks))
        return next(sent.due for sent in self._sent if sent.mark == first) + self._patience

    def _samples_to_send(self, now: float) -> int:
        """How much goes into the next message, which is of one turn."""
        if not self._queue:
            return 0
        first, run, word = self._queue[0], 0, 0
        for piece in self._queue:
            if (piece.turn, piece.must) != (first.turn, first.must):
                break
            if piece.word and run and not word:
                word = -(-run // self._frame) * self._frame  # the mark goes behind the frame in which the words begin
            run += len(piece.codes)
        if self._is_too_short(run, now):
            return 0
        left = self._left(now)
        room = min(round(self.lead * self._second) - left, self._most() - self._unheard)
        limit = min(run, self._mark_every - self._unmarked, word or run, self._most_sent)
        if room < min(self._step, limit):
            return 0
        if self._coarse and run < self._step:
            return limit
        if whole := min(limit, room) // self._frame * self._frame:
            return whole
        return run if run < self._queued or left <= ENDING * self._second else 0

    def _is_too_short(self, run: int, now: float) -> bool:
        """For a carrier that takes no less than a long step: whether more should be waited for, which may come."""
        if not self._coarse or run >= self._step or run < self._queued:
            self._short_since = None
            return False
        if self._short_since is None:
            self._short_since = now
        return now < self._filled_up_at(self._short_since)

    def _filled_up_at(self, since: float) -> float:
        """When what is too short is sent all the same, for nothing more seems to come."""
        return max(since + self._step / self._second, self._end() - ENDING)

    def _take(self, samples: int, now: float) -> Media:
        """Sends so much."""
        first, codes, self._short_since = self._queue[0], bytearray(), None
        while len(codes) < samples:
            piece, need = self._queue[0], samples - len(codes)
            self._marking |= piece.word and bool(codes)
            codes += piece.codes[:need]
            if len(piece.codes) <= need:
                self._queue.popleft()
            else:
                piece.codes, piece.word = piece.codes[need:], False
        self._queued -= samples
        if self._end() <= now:
            self._ends, self._late = now, [0.0, 0.0]  # the carrier has had nothing to play
        self._ends += samples / self._second
        self._sent.append(_Sent(first.turn, bytes(codes), first.must, self._ends))
        self._unheard += samples
        self._unmarked += samples
        return Media(bytes(codes))

    def _mark_is_due(self, now: float) -> bool:
        """It is long since the last one, words or another turn begin, or nothing more comes."""
        if self._unmarked > self._mark_every - self._frame:
            return True
        if not self._queue:
            return self._end() - ENDING <= now
        last, following = self._sent[-1], self._queue[0]
        return following.word or (following.turn, following.must) != (last.turn, last.must)

    def _mark(self) -> Mark:
        last = self._sent[-1]
        position = self._heard[last.turn] + sum(len(sent.codes) for sent in self._sent if sent.turn == last.turn)
        self._marked += 1
        last.mark = name = f"{last.turn}:{position * 1000 // self._second}:{self._marked}"
        self._marks[name] = None
        self._unmarked, self._marking = 0, False
        return Mark(name)

    def _pop_through(self, mark: str) -> set[int]:
        """All up to this mark has been heard. Returns the turns of it."""
        turns: set[int] = set()
        while True:
            sent = self._sent.popleft()
            turns.add(sent.turn)
            self._heard[sent.turn] += len(sent.codes)
            self._unheard -= len(sent.codes)
            self._marks.pop(sent.mark, None)
            if sent.mark == mark:
                return turns

    def _told(self, turns: Iterable[int]) -> Heard:
        return {turn: self._heard[turn] / self._second for turn in sorted(turns) if turn}

    def _reached(self, now: float) -> int:
        """Samples of what was sent that have been heard by the time that a flush sent now comes there."""
        by_clock = self._unheard - self._left(now)
        position = 0
        for sent in self._sent:
            position += len(sent.codes)
            if sent.mark:  # the first that has not come back: a round trip ago this was not heard yet
                round_trip = ROUND_TRIP if self._round_trip is None else self._round_trip
                return max(0, min(by_clock, position + round(round_trip * self._second)))
        return max(0, by_clock)

    def _take_back(self, now: float, *, must_only: bool) -> Heard:
        """Flushes the carrier. What it has not played comes first when there is something to be sent again."""
        reached, turns = self._reached(now), set[int]()
        reached -= reached % self._width
        unheard: list[_Piece] = []
        for sent in self._sent:
            heard = min(reached, len(sent.codes))
            reached -= heard
            if heard:
                turns.add(sent.turn)
                self._heard[sent.turn] += heard
            if heard < len(sent.codes) and (sent.must or not must_only):
                unheard.append(_Piece(sent.turn, sent.codes[heard:], sent.must))
        self._sent.clear()
        self.discarded += len(self._marks)
        self._marks.clear()
        self._requeue(unheard, must_only=must_only)
        self._unheard = self._unmarked = 0
        self._ends, self._late = -inf, [0.0, 0.0]
        self._flush, self._marking = True, False
        return self._told(turns)

    def _requeue(self, pieces: list[_Piece], *, must_only: bool = True) -> None:
        """Puts these before what is queued, of which is kept what must be said, or all."""
        self._queue = deque((*pieces, *(piece for piece in self._queue if piece.must or not must_only)))
        self._queued = sum(len(piece.codes) for piece in self._queue)
