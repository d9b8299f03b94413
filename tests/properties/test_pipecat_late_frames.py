"""Whatever a hosted pipecat service does after an interrupt: nothing of the interrupted reply comes out of its node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.engine.calls import Log, ScriptedLine, plan
from tests.providers.hostile_pipecat import CHUNKS, MANNERS, turn_in
from voicegraph import Interrupt, Sentence, SpeechStarted, SpeechStopped, Token, TTSAudio, UserTurn, node
from voicegraph.engine.session import Session
from voicegraph.processors.pipecat_processor import PipecatProcessor
from voicegraph.testing.virtual import run_virtual

SENTENCES = 3


@node("late.line", line=True, live=False)
class Line(ScriptedLine):
    """Takes its time."""


@node("late.boss")
class Boss:
    """Speech interrupts; its end is a turn, whose text is its number."""

    def __post_init__(self) -> None:
        self.turns = 0

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
        if isinstance(frame, SpeechStarted):
            return Interrupt()
        self.turns += 1
        return UserTurn(str(self.turns))


@node("late.brain")
async def brain(turn: UserTurn) -> AsyncIterator[Sentence]:
    """Says which turn it is, in three sentences."""
    for number in range(SENTENCES):
        yield Sentence(f"{turn.turn}.{number}")


@node("late.sentences")
def sentences(token: Token) -> Sentence:
    """Each token is one."""
    return Sentence(token.text)


@node("late.voice")
async def voice(sentence: Sentence) -> TTSAudio:
    """20 ms of the turn that the sentence tells."""
    return TTSAudio(int(sentence.text.partition(".")[0]).to_bytes(2, "little") * 480, 24_000)


pauses = st.floats(0.001, 0.6, allow_nan=False).map(lambda pause: round(pause, 3))
schedules = st.lists(st.one_of(st.just("start"), st.just("stop"), pauses), max_size=14)
manners = st.sets(st.sampled_from(MANNERS)).map(sorted)


async def call(nodes: dict[str, Any], flow: str, service: dict[str, Any], schedule: Sequence[Any]) -> Session:
    """One call to its end; the last turn is not interrupted."""
    script: list[Any] = []
    for index, step in enumerate([*schedule, 3.0, "start", "stop", 4.0]):
        speech = {"start": SpeechStarted, "stop": SpeechStopped}
        script.append(speech[step](float(index)) if isinstance(step, str) else step)
    name = next(name for name, kind in nodes.items() if kind is PipecatProcessor)
    made = plan({"line": Line, "boss": Boss, **nodes}, flow, config={"line": {"script": script}, name: service})
    session = Session(made, seed=1, observers=(Log(),))
    async with asyncio.timeout(600):
        await session.run()
    return session


def check_guarantee(session: Session) -> None:
    """Nothing of an interrupted reply is heard in another. What a service says of a reply that nobody interrupted, when
    it has said that it was done with it, is its own affair.
    """
    interrupted = {reply.turn for reply in session.replies() if reply.interrupted}
    wrong = [(stamped, turn) for stamped, turn in heard(session) if stamped != turn and turn in interrupted]
    assert wrong == []


def heard(session: Session) -> list[tuple[int, int]]:
    """Of all sound that came to the line: the turn it was stamped with, and the one that it was made for."""
    return [(audio.turn, turn_in(audio.pcm)) for audio in session.nodes["line"].instance.heard if audio.pcm]


@settings(max_examples=100, deadline=None)
@given(manners=manners, schedule=schedules, seed=st.integers(0, 9))
@example(manners=["repeats"], schedule=["stop", 0.2, "start", "stop"], seed=0)  # made, and not yet heard
def test_nothing_late_comes_out_of_a_voice(manners: list[str], schedule: list[Any], seed: int) -> None:
    service = {"service": "hostile.tts", "settings": {"manners": manners}}
    nodes = {"llm": brain, "tts": PipecatProcessor}
    session = run_virtual(call(nodes, "line -> boss -> llm -> tts -> line", service, schedule), seed=seed)
    check_guarantee(session)
    if not {"closes_early", "swallows"} & set(manners):
        last = max(reply.turn for reply in session.replies())
        assert sum(turn == last for turn, _ in heard(session)) >= CHUNKS * SENTENCES


@settings(max_examples=100, deadline=None)
@given(manners=manners, schedule=schedules, seed=st.integers(0, 9))
def test_nothing_late_comes_out_of_a_language_model(manners: list[str], schedule: list[Any], seed: int) -> None:
    service = {"service": "hostile.llm", "settings": {"manners": manners}}
    nodes = {"llm": PipecatProcessor, "sentences": sentences, "tts": voice}
    flow = "line -> boss -> llm -> sentences -> tts -> line"
    session = run_virtual(call(nodes, flow, service, schedule), seed=seed)
    check_guarantee(session)
    if "closes_early" not in manners:
        last = max(reply.turn for reply in session.replies())
        assert sum(turn == last for turn, _ in heard(session)) >= CHUNKS
