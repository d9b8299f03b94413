"""A small agent: turns from audio, words from turns, sentences from words, sound from sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.engine.calls import TestLine
from voicegraph import (
    Audio,
    Sentence,
    Token,
    TTSAudio,
    UserTurn,
    node,
)


@node("test.turns")
class Turns:
    """A caller's turn for each frame of audio."""

    def on_audio(self, audio: Audio) -> UserTurn:
        return UserTurn(f"turn at {audio.at:g}")


@node("test.words")
class Words:
    """Answers with the words of the turn."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for word in turn.text.split():
            yield Token(word + " ")


@node("test.join")
class Join:
    """One sentence a turn, from all its tokens."""

    async def join(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        text = "".join([token.text async for token in tokens])
        yield Sentence(text.strip())


@node("test.voice")
class Voice:
    """20 ms of sound a sentence."""

    async def on_sentence(self, sentence: Sentence) -> TTSAudio:
        return TTSAudio(bytes(640), text=sentence.text)


FLOW = "line -> turns -> words -> join -> voice -> line"
NODES = {"line": TestLine, "turns": Turns, "words": Words, "join": Join, "voice": Voice}


@node("test.per_turn")
class PerTurn:
    """Joins the sentences of a turn into one sound."""

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        text = " ".join([sentence.text async for sentence in sentences])
        yield TTSAudio(bytes(640), text=text)
