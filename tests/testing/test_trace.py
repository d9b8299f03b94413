"""A trace tells two runs apart, and one seed gives one: of a whole graph, on the real engine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.calls import TestLine, plan
from tests.engine.nodes import FLOW, NODES
from voicegraph import Audio, Call, Interrupt, TTSAudio, UserTurn, node, this_call
from voicegraph.engine.session import Session, warm
from voicegraph.frames import Frame, Sentence
from voicegraph.graph import Plan, compile_plan, load
from voicegraph.testing import Trace, run_virtual

ROOT = Path(__file__).parents[2]
HELLO = "graphs/hello.yaml"


def traced(made: Plan, *, seed: int | None = 0, session_seed: int = 0) -> Trace:
    """One call in virtual time."""
    trace = Trace()

    async def main() -> None:
        await warm(made)
        await Session(made, seed=session_seed, observers=(trace,)).run()

    run_virtual(main(), seed=seed)
    return trace


def hello() -> Plan:
    return compile_plan(load(HELLO, []))


@node("test.trace.chance")
class Chance:
    """Answers by chance, after a time by chance."""

    call: Call = this_call()

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        await asyncio.sleep(self.call.random.random())
        yield Sentence(self.call.random.choice(["yes", "no"]))


@node("test.trace.impatient")
class Impatient:
    """Interrupts every reply."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Interrupt]:
        await asyncio.sleep(0.05)
        yield Interrupt("enough")


def random_plan() -> Plan:
    nodes = {**{name: NODES[name] for name in ("line", "turns", "voice")}, "chance": Chance, "impatient": Impatient}
    return plan(nodes, "line -> turns -> chance -> voice -> line", "chance -> impatient")


# --- one seed, one trace ----------------------------------------------------------------------------------------------


def test_two_runs_of_a_whole_graph_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    first, second = traced(hello()), traced(hello())
    assert first.events == second.events
    assert first.heard == second.heard
    assert first.digest() == second.digest()
    assert {event.node for event in first.events} >= {"line", "stt", "aggregator", "brain", "tts"}
    assert first.heard[-1].seconds > 0


def test_it_is_the_same_in_other_processes_with_other_hashes() -> None:
    """And so at other addresses: what is ordered by a hash differs there."""
    code = f"""
from {__name__} import hello, random_plan, traced
print(traced(hello(), seed=1).digest(), traced(random_plan(), seed=1).digest())
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == 2 * 64 + 2


def test_where_chance_is_used_a_seed_fixes_it_and_another_changes_it() -> None:
    digests = [traced(random_plan(), session_seed=seed).digest() for seed in range(5)]
    assert len(set(digests)) == 5
    assert digests == [traced(random_plan(), session_seed=seed).digest() for seed in range(5)]


def test_the_loops_seed_changes_the_order_of_what_comes_at_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = hello()
    traces = [traced(made, seed=seed) for seed in range(8)]
    assert len({trace.digest() for trace in traces}) > 1
    said = [[frame for _, _, frame in trace.events if isinstance(frame, Sentence)] for trace in traces]
    assert all(each == said[0] for each in said), "the conversation does not hang on it"


def test_a_call_is_the_same_beside_another() -> None:
    """A trace belongs to its call: two calls on one loop have two."""

    async def main() -> list[str]:
        traces = [Trace(), Trace()]
        sessions = [Session(plan(NODES, FLOW), seed=1, observers=(trace,)) for trace in traces]
        await asyncio.gather(*(session.run() for session in sessions))
        return [trace.digest() for trace in traces]

    one, other = run_virtual(main())
    assert one == other == traced(plan(NODES, FLOW), seed=None).digest()


# --- what a digest tells apart ----------------------------------------------------------------------------------------


def digest_of(*given: tuple[float, str, Frame] | tuple[float, int, float]) -> str:
    trace = Trace()

    async def main() -> None:
        for time, who, what in given:
            await asyncio.sleep(time - asyncio.get_running_loop().time())
            if isinstance(who, str) and isinstance(what, Frame):
                trace.given(who, what)
            elif isinstance(who, int) and isinstance(what, float):
                trace.played(who, what)

    run_virtual(main())
    return trace.digest()


A, B = TTSAudio(b"\1\0" * 160, turn=1, text="one"), TTSAudio(b"\1\0" * 160, turn=2, text="one")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([(1.5, "tts", A), (2.0, 1, 0.5)], id="time"),
        pytest.param([(1.0, "tts2", A), (2.0, 1, 0.5)], id="node"),
        pytest.param([(1.0, "tts", B), (2.0, 1, 0.5)], id="turn"),
        pytest.param([(1.0, "tts", TTSAudio(b"\2\0" * 160, turn=1, text="one")), (2.0, 1, 0.5)], id="sound"),
        pytest.param([(1.0, "tts", TTSAudio(b"\1\0" * 160, turn=1, text="two")), (2.0, 1, 0.5)], id="text"),
        pytest.param([(1.0, "tts", Audio(b"\1\0" * 160)), (2.0, 1, 0.5)], id="type"),
        pytest.param([(1.0, "tts", A), (2.0, 2, 0.5)], id="heard of another turn"),
        pytest.param([(1.0, "tts", A), (2.0, 1, 0.25)], id="heard less"),
        pytest.param([(1.0, "tts", A)], id="heard nothing"),
        pytest.param([(1.0, "tts", A), (1.0, "tts", B), (2.0, 1, 0.5)], id="more"),
    ],
)
def test_every_difference_is_another_digest(other: list[tuple[float, str, Frame] | tuple[float, int, float]]) -> None:
    same = ((1.0, "tts", A), (2.0, 1, 0.5))
    assert digest_of(*same) == digest_of(*same)
    assert digest_of(*other) != digest_of(*same)


def test_the_order_of_events_counts() -> None:
    assert digest_of((1.0, "tts", A), (1.0, "tts", B)) != digest_of((1.0, "tts", B), (1.0, "tts", A))


def test_events_have_their_times() -> None:
    trace = traced(plan({"line": TestLine}))
    assert [(event.time, event.node) for event in trace.events] == [(0.0, "line")] * 3
