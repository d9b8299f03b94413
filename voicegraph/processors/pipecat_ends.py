"""What a pipecat pipeline does itself, before and behind a graph that is a part of it.

With them a graph may begin and end anywhere: `pipeline -> pipecat.llm -> sentences -> my.tts -> pipeline` is a voice
for pipecat's language model, `pipeline -> aggregator -> my.llm -> sentences -> pipecat.tts -> pipeline` is a brain
between pipecat's ears and pipecat's voice, `pipeline -> my.stt -> pipecat.user` is its ears.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from voicegraph.call import Call, this_call
from voicegraph.errors import VoicegraphError
from voicegraph.frames import EndOfTurn, Sentence, SpeechStarted, SpeechStopped, Token, Transcript, TTSAudio, UserTurn
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.pipecat_seam import LAST, RATE, Around, Inbound, seconds_of


@node("pipecat.llm", extra="pipecat", packages=("pipecat",))
class PipecatLLM:
    """The language model of the pipeline, in front of this graph: gives the text that comes down from it."""

    call: Call = this_call()

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        words = _pipeline(self.call)[0].words_of(turn)
        while (text := await words.get()) is not None:
            yield Token(text)


@node("pipecat.tts", extra="pipecat", packages=("pipecat",))
class PipecatTTS:
    """The voice of the pipeline, behind this graph: what is said here goes on as text, and is spoken there.

    For the heard ledger a silence stands for the voice, a piece for each word; the pipeline tells when it is spoken.
    """

    def on_sentence(self, sentence: Sentence) -> Iterator[Annotated[TTSAudio, Rate(RATE)]]:
        """Its words, the last of them with a mark."""
        words = sentence.text.split()
        for number, word in enumerate(words, 1):
            text = word + LAST if number == len(words) else word
            yield TTSAudio(bytes(2 * round(seconds_of(word) * RATE)), rate=RATE, text=text)


@node("pipecat.user", extra="pipecat", packages=("pipecat",))
class PipecatUser:
    """The user aggregator of the pipeline, behind this graph: is told what was heard of the caller here."""

    call: Call = this_call()

    def on_caller(self, frame: Transcript | SpeechStarted | SpeechStopped | EndOfTurn) -> None:
        _pipeline(self.call)[1].tell(frame)


def _pipeline(call: Call) -> tuple[Inbound, Around]:
    if not isinstance(getattr(call.line, "inbound", None), Inbound):
        raise VoicegraphError("only a graph whose line is `pipecat.pipeline` is a part of a pipecat pipeline")
    return call.line.inbound, call.line.around
