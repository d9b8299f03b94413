"""What is counted of turns that are over, and that no call notices who takes it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.commands.calls import GRAPH as TALK
from tests.commands.calls import sound_file
from tests.engine.calls import Log
from tests.observe.test_exporting import Slow, lines_of
from tests.serve.served import Service, seconds_of_sound, serving, until_closed, until_ended
from tests.serve.test_inside import stats, until
from voicegraph.engine.session import Session
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.observe.exporting import Exporting, Exports, Lines, Sink
from voicegraph.serve.following import Following
from voicegraph.serve.metrics import Metrics
from voicegraph.testing.virtual import run_virtual

DESK = TALK.replace("{use: file.call, with: {tail: 2s}}", "{use: wire.call, with: {greeting: Hello.}}")


async def ask(server: Service) -> None:
    """A call with a question, heard to the end of its answer."""
    async with server.dial() as call:
        await seconds_of_sound(call, 0.2)
        assert server.app.calls is not None
        (live,) = server.app.calls.live.values()
        hearing = asyncio.create_task(until_closed(call))
        for _ in range(100):
            await call.send(bytes(320))
        await until(lambda: len(replies := live.session.replies()) > 1 and replies[-1].over)
        await call.send("bye")
        await hearing


def test_figures_of_a_call_s_turns() -> None:
    with serving(DESK) as server:
        asyncio.run(ask(server))
        asyncio.run(until_ended(server, "done"))
        told = stats(server)
        metrics = server.ask("/metrics").text
        count = server.count
        assert count("voicegraph_answer_seconds_count") == 1
        assert count("voicegraph_node_first_output_seconds_count", node="tts") == 2
        assert count("voicegraph_node_queue_seconds_count", node="tts") == 2
        assert "voicegraph_node_dropped_total{" not in metrics, "there are no series of what did not happen"
        assert count("voicegraph_turns_active") == 0
    assert told.answer.samples == 1
    found = {node.name: node for node in told.nodes}
    assert (found["tts"].first.samples, found["tts"].queue.samples) == (2, 2)
    assert found["tts"].first.p50 is not None
    assert found["stt"].first.samples == 0, "it works for the whole call"


def test_the_answer_s_time_is_shared_out_among_the_nodes() -> None:
    with serving(DESK) as server:
        asyncio.run(ask(server))
        asyncio.run(until_ended(server, "done"))
        samples = server.app.metrics.share.collect()
        shared = sum(sample.value for metric in samples for sample in metric.samples if sample.name.endswith("_total"))
        assert shared == pytest.approx(server.count("voicegraph_answer_seconds_sum"), abs=0.001)


def test_turns_are_told_of_while_the_call_goes_on() -> None:
    async def talk() -> None:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.2)
            async with asyncio.timeout(20):
                while not server.count("voicegraph_node_first_output_seconds_count", node="tts"):
                    await asyncio.to_thread(server.ask, "/health")
            assert server.app.calls is not None
            assert len(server.app.calls.live) == 1

    with serving() as server:
        asyncio.run(talk())


def plan(folder: Path) -> Plan:
    """A call whose caller asks and gets an answer, from a file."""
    source = f"input: {sound_file(folder, 3.0)}, output: {folder / 'out.wav'}, tail: 2s"
    return compile_plan(loads(TALK.replace("tail: 2s", source)))


def followed(made: Plan, *sinks: Sink, words: bool = False) -> Log:
    """A call in virtual time that is exported there: what happened in it, and when."""
    exporting, log = Exporting(sinks), Log()

    async def run() -> None:
        following = Following(Metrics(), exporting, words=words)
        looking = asyncio.ensure_future(following.run())
        session = Session(made, call_id="c0ffee", seed=1, observers=(log,))
        call = following.begin(session, {})
        await session.run()
        following.end(call, "done")
        looking.cancel()

    run_virtual(run(), seed=1)
    exporting.finish(within=0.01)
    return log


def test_an_exporter_that_hangs_delays_no_frame(tmp_path: Path) -> None:
    made = plan(tmp_path)
    usual = followed(made)
    stuck = Slow()
    hung = followed(made, stuck)
    assert stuck.begun.is_set()
    assert stuck.took == []
    assert hung.times == usual.times
    assert [(node, type(frame)) for node, frame in hung.frames] == [(node, type(frame)) for node, frame in usual.frames]
    assert len(usual.times) > 150
    stuck.may.set()


def test_calls_go_on_while_an_exporter_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = Slow()

    def start(exports: Exports) -> Exporting:
        return Exporting([stuck])

    monkeypatch.setattr(Exports, "start", start)
    with serving(DESK) as server:
        asyncio.run(ask(server))
        asyncio.run(ask(server))
        asyncio.run(until_ended(server, "done", 2))
        assert stuck.begun.is_set()
        assert stuck.took == []
        stuck.may.set()


@pytest.mark.parametrize("words", [False, True])
def test_spans_of_a_session(tmp_path: Path, words: bool) -> None:
    file = tmp_path / "spans.jsonl"
    followed(plan(tmp_path), Lines(file), words=words)
    lines = lines_of(file)
    (turn,) = (line for line in lines if line["name"].startswith("invoke_agent"))
    names = {line["attributes"].get("voicegraph.node"): line for line in lines if line["parent"] == turn["span"]}
    assert {"aggregator", "brain", "tts", "line"} <= names.keys()
    shares = sum(line["attributes"].get("voicegraph.answer.share", 0.0) for line in names.values())
    assert shares == pytest.approx(turn["attributes"]["voicegraph.turn.answer"], abs=0.001)
    assert names["brain"]["attributes"]["gen_ai.operation.name"] == "chat"
    text = file.read_text()
    assert ("Are you open" in text) is words
    if words:
        said = json.loads(turn["attributes"]["gen_ai.output.messages"])
        assert said[0]["parts"][0]["content"].startswith("You said")


def test_dropped_frames_are_counted_once() -> None:
    metrics = Metrics()
    metrics.trouble("stt", 3, 0.0)
    metrics.trouble("stt", 0, 0.25)
    assert metrics.registry.get_sample_value("voicegraph_node_dropped_total", {"node": "stt"}) == 3
    assert metrics.registry.get_sample_value("voicegraph_node_blocked_seconds_total", {"node": "stt"}) == 0.25
