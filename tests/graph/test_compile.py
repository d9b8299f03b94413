"""Plans: the order of nodes, and converters where audio formats differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.graph.nodes import AGENT
from tests.graph.reading import part, plan
from voicegraph.graph import Edge


def wires(edges: tuple[Edge, ...]) -> list[str]:
    return [f"{edge.giver} -{edge.frame.__name__}-> {edge.taker}" for edge in edges]


def test_a_whole_agent() -> None:
    made = plan(AGENT)
    assert list(made.nodes) == ["line", "vad", "stt", "aggregator", "llm", "sentences", "tts", "tts~16000"]
    assert made.line == "line"
    assert made.budgets == {"answer": 0.9, "barge_in": 0.15, "tts": 0.3}
    assert wires(made.edges) == [
        "line -Audio-> vad",
        "line -Audio-> stt",
        "vad -SpeechStarted-> aggregator",
        "vad -SpeechStopped-> aggregator",
        "stt -Transcript-> aggregator",
        "aggregator -UserTurn-> llm",
        "llm -Token-> sentences",
        "sentences -Sentence-> tts",
        "tts -TTSAudio-> tts~16000",
        "tts~16000 -TTSAudio-> line",
        "line -Dtmf-> aggregator",
    ]


def test_a_converter_is_a_node_like_any_other() -> None:
    converter = plan(AGENT).nodes["tts~16000"]
    assert (converter.kind.name, converter.config, converter.make().rate) == ("resample", {"rate": 16_000}, 16_000)


def test_who_stands_by_has_its_own_wires_and_converters() -> None:
    made = plan(AGENT)
    assert list(made.standby) == ["backup", "backup~16000"]
    assert wires(made.standby_edges) == [
        "sentences -Sentence-> backup",
        "backup -TTSAudio-> backup~16000",
        "backup~16000 -TTSAudio-> line",
    ]


def test_two_who_stand_by_are_wired_to_each_other_too() -> None:
    text = part(
        "a: {use: t.llm, recover: {fallback: x}}\nx: t.llm\n"
        "b: {use: t.sentences, recover: {fallback: y}}\ny: t.sentences",
        "a -> b",
    )
    assert wires(plan(text).standby_edges) == ["a -Token-> y", "x -Token-> b", "x -Token-> y"]


def test_one_converter_is_shared_by_all_takers_of_a_rate() -> None:
    made = plan(AGENT, "nodes.line.with.rate=8000")
    assert wires(made.edges)[:3] == ["line -Audio-> line~16000", "line~16000 -Audio-> vad", "line~16000 -Audio-> stt"]
    made = plan(AGENT, "nodes.line.with.rate=8000", "nodes.vad.with.rate=8000")
    assert wires(made.edges)[:3] == ["line -Audio-> vad", "line -Audio-> line~16000", "line~16000 -Audio-> stt"]


def test_each_target_rate_has_its_own() -> None:
    made = plan(AGENT, "nodes.line.with.rate=48000", "nodes.vad.with.rate=8000")
    assert [name for name in made.nodes if "~" in name] == ["line~8000", "line~16000", "tts~48000"]


def test_no_converter_where_rates_agree() -> None:
    made = plan(AGENT, "nodes.tts.with.rate=16000")
    assert [name for name in made.nodes if "~" in name] == []


def test_a_giver_that_does_not_know_its_rate_is_converted_for_a_fixed_taker() -> None:
    assert "tts~16000" in plan(AGENT, "nodes.tts.with.rate=null").nodes


def test_a_taker_of_any_rate_needs_no_converter() -> None:
    text = part("tts: {use: t.tts, with: {voice: a}}\nany: {use: resample, with: {rate: 8000}}", "tts -> any")
    assert list(plan(text).nodes) == ["tts", "any"]


@given(st.permutations(["a -> b", "b -> c", "c -> d", "a -> d", "b -> d"]), st.permutations("abcd"))
def test_givers_come_before_takers_whatever_the_order_of_the_file(flow: list[str], names: list[str]) -> None:
    made = plan(part("\n".join(f"{name}: t.shout" for name in names), "\n".join(flow)))
    order = list(made.nodes)
    assert all(order.index(edge.giver) < order.index(edge.taker) for edge in made.edges)
    assert sorted(order) == list("abcd")


def test_the_line_comes_first_wherever_it_stands() -> None:
    lines = AGENT.splitlines(keepends=True)
    moved = [lines[0], *lines[2:16], lines[1], *lines[16:]]
    assert "line: t.line" in moved[15]
    assert next(iter(plan("".join(moved)).nodes)) == "line"


def test_a_plan_is_the_same_each_time() -> None:
    assert plan(AGENT) == plan(AGENT)
