"""Which voices may say a plan's phrases, and the sound of one phrase in one of them, outside any call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from voicegraph.engine.joining import reachable
from voicegraph.engine.phrases import Piece
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed, VoicegraphError
from voicegraph.frames import Frame, Sentence, TTSAudio
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import NodeType
from voicegraph.ports import Form, Handler, Style

PHRASE = "~phrase"
"""Who gives the text. No node of a graph file can have this name."""
PATIENCE = 60.0
"""Seconds for a phrase: a voice that takes longer hangs."""


def voices_of(plan: Plan) -> tuple[PlannedNode, ...]:
    """The voice that the call speaks through, then those that stand in for it, nearest first; none in a mute graph."""
    replies = [edge for edge in plan.edges if edge.frame.side == "reply"]
    speak = [edge.taker for edge in replies if edge.frame is Sentence]
    waiting = [name for name in speak if plan.line is None or plan.line in reachable(replies, name)][:1]
    known = {**plan.standby, **plan.nodes}
    found: dict[str, PlannedNode] = {}
    while waiting:
        voice = known[waiting.pop(0)]
        if voice.name not in found:
            found[voice.name] = voice
            waiting += voice.recover.fallback if voice.recover else ()
    return tuple(found.values())


async def render(voice: PlannedNode, text: str) -> tuple[Piece, ...]:
    """What a voice gives for a phrase, at its own rate. Raises VoicegraphError where it does not give it whole."""
    plan = Plan(
        name=voice.name,
        nodes={
            PHRASE: PlannedNode(PHRASE, _source(text)),
            voice.name: replace(voice, recover=None, cache=False),  # itself, and now
        },
        edges=(Edge(PHRASE, voice.name, Sentence),),
    )
    sound = _Sound(voice.name)
    session = Session(plan, call_id=f"phrase for {voice.name}", observers=(sound,))
    try:
        async with asyncio.timeout(PATIENCE):
            await session.run()
    except TimeoutError:
        raise CallFailed(voice.name, f"was not done after {PATIENCE:g} s") from None
    if session.faults:
        raise _failure(*session.faults[0])
    if not any(piece.pcm for piece in sound.pieces):
        raise CallFailed(voice.name, "gave no sound")
    return tuple(sound.pieces)


def _failure(node: str, error: BaseException) -> VoicegraphError:
    failure = CallFailed(node, str(error) if isinstance(error, VoicegraphError) else f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _source(text: str) -> NodeType:
    async def give() -> AsyncIterator[Frame]:
        yield Sentence(text)

    return NodeType("phrase", give, (Handler("give", Form.SOURCE, Style.ASYNC_GENERATOR, (), (Sentence,)),))


class _Sound:
    """An observer that keeps what a voice gives."""

    def __init__(self, voice: str) -> None:
        self.pieces: list[Piece] = []
        self._voice = voice

    def given(self, node: str, frame: Frame) -> None:
        if node == self._voice and isinstance(frame, TTSAudio):
            self.pieces.append(Piece(frame.pcm, frame.rate, frame.text))

    def played(self, turn: int, seconds: float) -> None:
        """There is no line here."""
