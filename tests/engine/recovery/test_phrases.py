"""Phrases that are known before a call are spoken once, and then need no provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.calls import plan as planned
from tests.engine.recovery.agents import ANSWER, NODES, RATE, SAYS, StreamingVoice, agent, ask, heard, steps
from voicegraph import Sentence, TTSAudio, UserTurn, node
from voicegraph.engine.phrases import Piece
from voicegraph.graph.plan import SORRY, Plan, PlannedNode, Recover
from voicegraph.testing.scripted import ScriptedTTS

WAIT = "One moment please."
GREETING = "Oak Dental, this is Sam."
DOWN = {"kind": "error", "count": 1000}


class Kept:
    """A store in memory, by the name of the voice's node."""

    def __init__(self) -> None:
        self.sound: dict[tuple[str, str], Sequence[Piece]] = {}
        self.hits: list[str] = []

    async def find(self, voice: PlannedNode, text: str) -> Sequence[Piece] | None:
        pieces = self.sound.get((voice.name, text))
        if pieces is not None:
            self.hits.append(text)
        return pieces

    def keep(self, voice: PlannedNode, text: str, pieces: Sequence[Piece]) -> None:
        self.sound[voice.name, text] = pieces


def speaking(*faults: Any, kind: Any = ScriptedTTS, known: tuple[str, ...] = (GREETING, WAIT), **llm: Any) -> Plan:
    plan = agent(
        recover={"llm": Recover(timeout=1.0, retries=1, say=WAIT), "tts": Recover(timeout=0.5)},
        nodes={"tts": kind},
        config={"llm": {"says": SAYS, **llm}, "line": {"plays_at": RATE, "greeting": GREETING}},
        phrases=known,
    )
    rate = {"rate": RATE} if kind is ScriptedTTS else {}
    return replace(plan, nodes={**plan.nodes, "tts": replace(plan.nodes["tts"], config={**rate, "faults": faults})})


@pytest.fixture
def kept() -> Kept:
    """A store that has been filled by a call."""
    store = Kept()
    ask(speaking(faults=[{"kind": "error"}]), phrases=store, before=3.0)
    assert set(store.sound) == {("tts", GREETING), ("tts", WAIT)}
    return store


@pytest.mark.parametrize("kind", [ScriptedTTS, StreamingVoice])
def test_a_phrase_is_spoken_once(kind: Any) -> None:
    store = Kept()
    first = ask(speaking(kind=kind), phrases=store, before=3.0)
    second = ask(speaking(kind=kind), phrases=store, before=3.0)
    assert store.hits == [GREETING]
    assert heard(first, 1) == heard(second, 1) == GREETING
    assert heard(second, 2) == ANSWER
    assert first.session.reply(1).heard == second.session.reply(1).heard == GREETING


def test_what_is_not_known_before_is_not_kept() -> None:
    store = Kept()
    ask(speaking(known=()), phrases=store, before=3.0)
    assert not store.sound


def test_a_voice_may_keep_all_it_says() -> None:
    store = Kept()
    plan = speaking(known=())
    plan = replace(plan, nodes={**plan.nodes, "tts": replace(plan.nodes["tts"], cache=True)})
    ask(plan, phrases=store, before=3.0)
    assert " ".join(text for _, text in store.sound) == f"{GREETING} {ANSWER}"


@node("test.recovery.reciter")
def recite(turn: UserTurn) -> Sentence:
    """Always says the same."""
    return Sentence("We are closed.", cache=True)


def test_a_node_may_mark_what_it_says() -> None:
    store = Kept()
    plan = speaking(known=())
    ask(_with_brain(plan, recite), phrases=store, before=3.0)
    assert set(store.sound) == {("tts", "We are closed.")}


def _with_brain(plan: Plan, brain: Any) -> Plan:
    nodes = {name: NODES[name] for name in ("line", "vad", "stt", "aggregator", "tts")} | {"brain": brain}
    flow = ("line -> vad -> aggregator -> brain -> tts -> line", "line -> stt -> aggregator", "vad -> stt")
    config = {"line": {"plays_at": RATE}, "tts": {"rate": RATE}}
    return planned(nodes, *flow, config=config)


@pytest.mark.parametrize("kind", [ScriptedTTS, StreamingVoice])
def test_a_holding_phrase_needs_no_provider(kept: Kept, kind: Any) -> None:
    """With every provider down, it begins in the step of the decision."""
    done = ask(speaking(DOWN, kind=kind, faults=[DOWN]), phrases=kept, before=3.0)
    assert heard(done, 1) == GREETING
    assert heard(done, 2) == WAIT
    (failed,) = [at for (_, frame), at in zip(done.log.frames, done.log.times, strict=True) if _said(frame)]
    sound = next(
        at
        for (name, frame), at in zip(done.log.frames, done.log.times, strict=True)
        if name == "tts" and isinstance(frame, TTSAudio) and frame.turn == 2
    )
    assert sound - failed < 0.02


def _said(frame: Any) -> bool:
    return getattr(frame, "step", "") == "say" and frame.to == WAIT


def test_a_phrase_of_which_the_voice_fails_is_said_in_another_voice(kept: Kept) -> None:
    store = Kept()
    store.sound = {("other", text): pieces for (_, text), pieces in kept.sound.items()}
    plan = speaking(DOWN)
    plan = replace(
        plan,
        nodes={**plan.nodes, "tts": replace(plan.nodes["tts"], recover=Recover(fallback=("other",)))},
        standby={"other": replace(plan.nodes["tts"], name="other", config={"rate": RATE, "faults": [DOWN]})},
    )
    assert heard(ask(plan, phrases=store, before=3.0), 1) == GREETING


def test_a_phrase_is_kept_whole_or_not_at_all() -> None:
    store = Kept()
    ask(speaking({"kind": "die", "after": "500ms"}), phrases=store, before=3.0)
    assert ("tts", GREETING) not in store.sound


def test_a_dead_voice_apologises_if_it_can(kept: Kept) -> None:
    kept.sound["tts", SORRY] = kept.sound["tts", WAIT]
    done = ask(speaking({"kind": "error", "count": 1000}), phrases=kept, before=3.0)
    assert heard(done, 2) == WAIT
    assert ("tts", "give_up", "") in steps(done)
