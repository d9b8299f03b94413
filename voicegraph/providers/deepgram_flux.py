"""Deepgram's second live interface, for the Flux models, which hear turns: their start, their end, and in between.

Each message tells the whole transcript of its turn so far. EagerEndOfTurn says that the turn seems to be over, and
TurnResumed that it was not; what EndOfTurn tells is what the last EagerEndOfTurn told.
Source: developers.deepgram.com/docs/flux/state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import structs

from voicegraph.frames import UNSTAMPED, Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.providers.deepgram_stream import Lost
from voicegraph.providers.deepgram_tape import Reel, Tape

PATH = "/v2/listen"
CLOSE_STREAM = '{"type":"CloseStream"}'
QUIET = 0.5
"""Seconds without sound in an open turn after which silence is sent in its place: without any the turn never ends."""
MARGIN = 1.0
"""Seconds of sound without a word that are kept all the same: the next turn may have begun in them."""

Given = SpeechStarted | SpeechStopped | Transcript | EndOfTurn


class Word(msgspec.Struct, gc=False):
    confidence: float = 0.0
    start: float | None = None
    end: float | None = None


class TurnInfo(msgspec.Struct, tag=True, gc=False):
    """The turn so far."""

    event: str
    turn_index: int
    audio_window_end: float
    transcript: str
    words: Sequence[Word] = ()
    end_of_turn_confidence: float = 0.0
    languages: Sequence[str] | None = None


class Connected(msgspec.Struct, tag=True, gc=False):
    pass


class ConfigureSuccess(msgspec.Struct, tag=True, gc=False):
    pass


class ConfigureFailure(msgspec.Struct, tag=True, gc=False):
    pass


class Warn(msgspec.Struct, tag="Warning", gc=False):
    pass


class Error(msgspec.Struct, tag=True, gc=False):
    """Behind it the connection is closed."""


Message = TurnInfo | Connected | ConfigureSuccess | ConfigureFailure | Warn | Error
_decoder = msgspec.json.Decoder(Message)


class Flux:
    """What is said over this interface in one call, and what is meant by it."""

    end = CLOSE_STREAM
    over = False

    def __init__(self, tape: Tape, *, language: str | None) -> None:
        self._tape = tape
        self._language = language
        self._index: int | None = None  # of the present turn, as this connection counts
        self._start: float | None = None  # its position; None while there is no turn
        self._end = 0.0  # and that of its last word
        self._speaking = False
        self._given: Transcript | None = None  # last, in this turn
        self._told = 0.0  # position up to which the turn has been told

    def heard(self, frame: Audio) -> str | None:
        return None

    def idle(self, seconds: float) -> float | None:
        return seconds if self._start is not None and seconds >= QUIET else None

    def connected(self) -> None:
        self._index = None

    def read(self, message: str | bytes, reel: Reel) -> Iterator[Given]:
        told = _decoder.decode(message)
        if isinstance(told, TurnInfo):
            yield from self._turn(told, reel)

    def finish(self) -> Iterator[Given]:
        """The call is over in the midst of a turn."""
        if self._given is not None and not self._given.final:
            yield structs.replace(self._given, final=True, turn=0, born=UNSTAMPED)

    def _turn(self, info: TurnInfo, reel: Reel) -> Iterator[Given]:
        until = reel.end_position(info.audio_window_end)
        if self._start is None:
            self._index = info.turn_index
            if not info.transcript and info.event == "Update":
                self._tape.forget(until - MARGIN)
                return
            yield from self._open(until if (first := _first(info)) is None else reel.position(first))
        elif self._index not in (None, info.turn_index):
            raise Lost("the end of a turn is missing")
        self._index = info.turn_index
        if info.event == "EndOfTurn":
            yield from self._finish(info, reel, until)
        elif until >= self._told:  # else it is told again, after the loss of a connection
            self._told = until
            yield from self._go_on(info, reel, until)

    def _open(self, start: float) -> Iterator[Given]:
        self._start = self._end = start
        yield from self._started()

    def _go_on(self, info: TurnInfo, reel: Reel, until: float) -> Iterator[Given]:
        transcript = self._transcript(info, reel, until)
        news = transcript.text not in ("", self._given.text if self._given else "")
        if info.event == "EagerEndOfTurn":
            yield from self._over(transcript)
        elif news or info.event == "TurnResumed":
            yield from self._started()
            if news:
                self._given = transcript
                yield transcript

    def _finish(self, info: TurnInfo, reel: Reel, until: float) -> Iterator[Given]:
        yield from self._over(self._transcript(info, reel, until))
        yield EndOfTurn(self._end, probability=info.end_of_turn_confidence)
        self._start = self._given = None
        self._tape.forget(until)

    def _over(self, transcript: Transcript) -> Iterator[Given]:
        """The turn is over, or seems to be."""
        self._end = max(self._end, transcript.end)
        if self._speaking:
            self._speaking = False
            yield SpeechStopped(self._end, noticed=self._tape.head)
        given = self._given
        if transcript.text and not (given and given.final and given.text == transcript.text):
            self._given = final = structs.replace(transcript, final=True)
            yield final

    def _started(self) -> Iterator[Given]:
        """They speak; on from where they seemed to have ended, if they did."""
        if not self._speaking:
            self._speaking = True
            yield SpeechStarted(self._end, noticed=self._tape.head)

    def _transcript(self, info: TurnInfo, reel: Reel, until: float) -> Transcript:
        """A guess at the turn so far."""
        words, last = info.words, info.words[-1].end if info.words else None
        return Transcript(
            info.transcript,
            final=False,
            start=self._start,
            end=until if last is None else reel.end_position(last),
            confidence=round(sum(word.confidence for word in words) / len(words), 3) if words else None,
            language=info.languages[0] if info.languages else self._language,
        )


def _first(info: TurnInfo) -> float | None:
    return info.words[0].start if info.words else None
