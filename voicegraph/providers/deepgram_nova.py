"""Deepgram's first live interface, for the Nova models: transcripts in segments, and signs of speech beside them.

A *segment* is a stretch of the sound. Its transcript is told again and again until it is final; the next begins where
it ends. `speech_final` says that the caller paused behind it, UtteranceEnd that no word has come for a while.
Source: developers.deepgram.com/reference/speech-to-text/listen-streaming.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.providers.deepgram_stream import Lost
from voicegraph.providers.deepgram_tape import Reel, Tape

PATH = "/v1/listen"
FINALIZE = '{"type":"Finalize"}'
KEEP_ALIVE = '{"type":"KeepAlive"}'
CLOSE_STREAM = '{"type":"CloseStream"}'
QUIET = 4.0
"""Seconds without sound after which the connection is kept by a message. Deepgram closes it after 10."""
GAP = 0.05
"""Seconds between two segments that are more than rounding: what was said there is missing."""
MISSING = "a final transcript is missing"

Heard = Audio | SpeechStarted | SpeechStopped
Given = SpeechStarted | SpeechStopped | Transcript | EndOfTurn


class Word(msgspec.Struct, gc=False):
    start: float
    end: float


class Alternative(msgspec.Struct, gc=False):
    transcript: str
    confidence: float = 0.0
    words: Sequence[Word] = ()
    languages: Sequence[str] | None = None


class Channel(msgspec.Struct, gc=False):
    alternatives: Sequence[Alternative]


class Results(msgspec.Struct, tag=True, gc=False):
    """The transcript of a segment, as far as it goes."""

    start: float
    duration: float
    channel: Channel
    is_final: bool | None = None
    speech_final: bool | None = None
    from_finalize: bool | None = None


class Began(msgspec.Struct, tag="SpeechStarted", gc=False):
    timestamp: float


class UtteranceEnd(msgspec.Struct, tag=True, gc=False):
    last_word_end: float


class Metadata(msgspec.Struct, tag=True, gc=False):
    """Comes behind the last transcript."""


class ConfigureSuccess(msgspec.Struct, tag=True, gc=False):
    pass


class ConfigureFailure(msgspec.Struct, tag=True, gc=False):
    pass


class Error(msgspec.Struct, tag=True, gc=False):
    """Of a message of ours. Its description quotes that."""


Message = Results | Began | UtteranceEnd | Metadata | ConfigureSuccess | ConfigureFailure | Error
_decoder = msgspec.json.Decoder(Message)


class Nova:
    """What is said over this interface in one call, and what is meant by it.

    vad_events: give SpeechStarted and SpeechStopped. finalize: ask for the transcript when a VAD hears a pause.
    """

    end = CLOSE_STREAM

    def __init__(self, tape: Tape, *, vad_events: bool, finalize: bool, language: str | None) -> None:
        self.over = False
        self._tape = tape
        self._vad_events = vad_events
        self._finalize = finalize
        self._language = None if language == "multi" else language
        self._start: float | None = None  # position of the present segment's first word, as first told
        self._partial: str = ""  # the last guess at the segment
        self._told = 0.0  # position up to which transcripts have been given, final or not
        self._last_word = 0.0  # end of it, in a final transcript
        self._open = False  # words were said since the last end of a turn
        self._speaking, self._began = False, 0.0
        self._broken = False  # a message was; it may have been a final transcript

    def heard(self, frame: Heard) -> str | None:
        return FINALIZE if self._finalize and isinstance(frame, SpeechStopped) else None

    def idle(self, seconds: float) -> str | None:
        return KEEP_ALIVE if seconds >= QUIET else None

    def connected(self) -> None:
        self._broken = self.over = False

    def read(self, message: str | bytes, reel: Reel) -> Iterator[Given]:
        try:
            told = _decoder.decode(message)
        except msgspec.DecodeError:
            self._broken = True
            raise
        match told:
            case Results():
                yield from self._results(told, reel)
            case Began():
                if self._vad_events and not self._speaking:
                    self._speaking, self._began = True, reel.position(told.timestamp)
                    yield SpeechStarted(self._began, noticed=self._tape.head)
            case UtteranceEnd():
                if self._broken and self._partial:
                    raise Lost(MISSING)
                self._last_word = max(self._last_word, reel.end_position(told.last_word_end))
                yield from self._stopped()
                yield from self._ended()
            case Metadata():
                self.over = True
            case _:
                pass

    def finish(self) -> Iterator[Given]:
        yield from ()

    def _results(self, results: Results, reel: Reel) -> Iterator[Given]:
        if self._broken and reel.position(results.start) > self._tape.done + GAP:
            raise Lost(MISSING)
        until = reel.end_position(results.start + results.duration)
        transcript = self._transcript(results, reel, until)
        if not transcript.final:
            if until > self._told and transcript.text not in ("", self._partial):
                self._partial, self._told = transcript.text, until
                yield transcript
            return
        asked = bool(results.from_finalize)
        if transcript.text:
            self._last_word, self._open = transcript.end, True
        if not asked and (results.speech_final or not transcript.text):
            yield from self._stopped()
        if transcript.text or self._partial:  # else it takes nothing back
            yield transcript
        if not asked and results.speech_final:
            yield from self._ended()
        self._start, self._partial, self._told, self._broken = None, "", max(self._told, until), False
        self._tape.forget(until)

    def _transcript(self, results: Results, reel: Reel, until: float) -> Transcript:
        best = results.channel.alternatives[0] if results.channel.alternatives else Alternative("")
        first, last = (best.words[0].start, best.words[-1].end) if best.words else (None, None)
        if self._start is None and first is not None:
            self._start = reel.position(first)
        return Transcript(
            best.transcript,
            final=bool(results.is_final),
            start=self._start,
            end=until if last is None else reel.end_position(last),
            confidence=round(best.confidence, 3),
            language=best.languages[0] if best.languages else self._language,
        )

    def _stopped(self) -> Iterator[SpeechStopped]:
        if self._speaking:
            self._speaking = False
            yield SpeechStopped(max(self._began, self._last_word), noticed=self._tape.head)

    def _ended(self) -> Iterator[EndOfTurn]:
        if self._open or self._partial:
            self._open = False
            yield EndOfTurn(self._last_word)
