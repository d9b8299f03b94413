"""Lines of the flow, pipelines, and what flows."""

from __future__ import annotations

import pytest

from tests.graph.nodes import AGENT
from tests.graph.reading import codes, marked, mistakes, only, part, read
from voicegraph.frames import FRAME_TYPES
from voicegraph.graph.checks.wires import output_names

NODES = "line: t.line\nvad: t.vad\nstt: t.stt\nshout: t.shout\naggregator: t.aggregator"


def edges(flow: str, rest: str = "") -> set[str]:
    graph = read(part(NODES, flow, rest))
    return {f"{edge.giver}.{edge.frame.__name__}.{edge.taker}" for edge in graph.edges}


EVERYTHING = {
    "line.Audio.vad",
    "line.Audio.stt",
    "vad.SpeechStarted.aggregator",
    "vad.SpeechStopped.aggregator",
    "stt.Transcript.shout",
    "shout.Transcript.aggregator",
}


@pytest.mark.parametrize(
    "flow",
    [
        "line -> vad -> aggregator\nline -> stt -> shout -> aggregator",
        "line->vad->aggregator\n  line  ->stt-> shout ->aggregator",
        "line -> [vad, stt]\nstt -> shout\n'[vad, shout] -> aggregator'",
        "line -> [ vad ,stt ]\nstt -> shout\nvad -> aggregator\nshout -> aggregator\nshout -> aggregator",
        "line.audio -> [vad, stt]\nstt.transcript -> shout\n"
        "'[vad.speech_started, vad.speechstopped, shout] -> aggregator'",
    ],
)
def test_ways_to_write_the_same(flow: str) -> None:
    assert edges(flow) == EVERYTHING


def test_one_line_needs_no_list() -> None:
    graph = read("nodes: {stt: t.stt, shout: t.shout}\nflow: stt -> shout")
    assert [(edge.giver, edge.taker) for edge in graph.edges] == [("stt", "shout")]


def test_names_with_dashes_and_digits() -> None:
    graph = read("nodes: {stt-2: t.stt, x_1-a: t.shout}\nflow: stt-2->x_1-a")
    assert [(edge.giver, edge.taker) for edge in graph.edges] == [("stt-2", "x_1-a")]


def test_edges_are_in_the_order_of_the_file() -> None:
    first = read(part(NODES, "line -> stt -> [shout, aggregator]\nshout -> aggregator\nline -> vad -> aggregator"))
    assert [edge.taker for edge in first.edges if edge.giver == "line"] == ["stt", "vad"]
    assert [edge.taker for edge in first.edges if edge.giver == "stt"] == ["shout", "aggregator"]


@pytest.mark.parametrize(
    ("line", "under"),
    [
        ("line => stt", "=>"),
        ("line → stt", "→"),
        ("line - stt", "-"),
        ("line > stt", ">"),
        ("line --> stt", "-->"),
        ("line stt", "stt"),
        ("line -> -> stt", "->"),
        ("-> stt", "->"),
        ("line -> [vad stt]", "stt"),
        ("line. -> stt", "->"),
        ("line.audio.x -> stt", "."),
        ("line -> stt, vad", ","),
        ("'[vad'", ""),
    ],
)
def test_the_caret_stands_where_a_line_goes_wrong(line: str, under: str) -> None:
    found = only(
        tuple(
            each for each in mistakes(part(NODES, f"line -> vad -> aggregator\n{line}")) if each.code != "unused-node"
        )
    )
    assert found.code == "flow-syntax"
    assert marked(found).strip("'") == under


@pytest.mark.parametrize("line", ["line ->", "line", "''", "line -> [stt", "line -> []"])
def test_unfinished_lines(line: str) -> None:
    assert "flow-syntax" in codes(mistakes(part(NODES, line)))


def test_a_line_that_cannot_be_read_is_one_mistake() -> None:
    assert codes(mistakes(AGENT.replace("- line -> [vad", "- line => [vad"))) == ["flow-syntax"]


def test_unknown_node_is_told_at_each_place_and_its_misspelt_node_is_not_called_unused() -> None:
    found = mistakes(part(NODES, "line -> vad -> aggregator\nline -> sttt -> aggregator\nline -> stt -> shout"))
    assert [(each.code, marked(each), each.hint) for each in found if each.code == "unknown-node"] == [
        ("unknown-node", "sttt", "did you mean `stt`?"),
    ]
    assert "unused-node" not in codes(mistakes(part("a: t.stt\nbee: t.shout", "a -> beee")))


def test_types_that_do_not_meet_are_both_printed() -> None:
    found = only(mistakes(AGENT.replace("- line.dtmf -> aggregator", "- vad -> llm")))
    assert (found.code, marked(found)) == ("type-mismatch", "vad -> llm")
    assert found.hint == "`vad` gives SpeechStarted, SpeechStopped; `llm` takes UserTurn"


def test_narrowing_to_what_the_right_does_not_take() -> None:
    found = only(mistakes(AGENT.replace("line.dtmf -> aggregator", "line.dtmf -> llm")))
    assert found.hint == "`line` gives Dtmf; `llm` takes UserTurn"


@pytest.mark.parametrize(("output", "hint"), [("dtfm", "did you mean `dtmf`?"), ("token", "it gives `audio`, `dtmf`")])
def test_narrowing_to_what_the_left_does_not_give(output: str, hint: str) -> None:
    found = only(mistakes(AGENT.replace("line.dtmf", f"line.{output}")))
    assert (found.code, marked(found), found.hint) == ("unknown-output", output, hint)


def test_interrupts_are_never_wired() -> None:
    found = only(mistakes(AGENT.replace("line.dtmf", "line.interrupt")))
    assert (found.code, found.message) == ("unknown-output", "`interrupt` is moved by the engine, not by wires")


def test_every_frame_type_has_names_of_its_own() -> None:
    names = {name: frame for frame in FRAME_TYPES.values() for name in output_names(frame)}
    assert names["user_turn"] is names["userturn"] is FRAME_TYPES["UserTurn"]
    assert output_names(FRAME_TYPES["TTSAudio"]) == ("tts_audio", "ttsaudio")
    assert len({output_names(frame)[1] for frame in FRAME_TYPES.values()}) == len(FRAME_TYPES)


# --- pipeline -------------------------------------------------------------------------------------------------------

LONG = part(
    "line: t.line\nstt: {use: t.stt, with: {model: a}}\naggregator: t.aggregator\nmy: t.llm\nsentences: t.sentences\n"
    "tts: {use: t.tts, with: {voice: x}}",
    "line -> stt -> aggregator -> my -> sentences -> tts -> line",
)


def same(one: str, other: str) -> None:
    first, second = read(one), read(other)
    assert first.edges == second.edges
    assert {n: (k.kind, k.config) for n, k in first.nodes.items()} == {
        n: (k.kind, k.config) for n, k in second.nodes.items()
    }


def test_a_pipeline_is_the_linear_shorthand() -> None:
    same(
        "pipeline: [line: t.line, t.stt: {model: a}, t.aggregator, my: {use: t.llm}, t.sentences, "
        "tts: {use: t.tts, with: {voice: x}}, line]",
        LONG,
    )


def test_a_pipeline_may_name_declared_nodes_and_stand_beside_a_flow() -> None:
    same(
        "nodes: {line: t.line, my: t.llm}\n"
        "pipeline:\n- line\n- t.stt: {with: {model: a}}\n- t.aggregator\n- my\n- t.sentences\n- t.tts: {voice: x}\n"
        "flow: tts -> line",
        LONG,
    )


def test_mistakes_in_a_pipeline_are_located() -> None:
    found = only(mistakes("pipeline: [t.stt: {modle: a}, t.shout]"))
    assert (found.code, marked(found), found.hint) == ("unknown-key", "modle", "did you mean `model`?")
    found = only(mistakes("pipeline: [t.stt, t.llm]"))
    assert (found.code, marked(found)) == ("type-mismatch", "t.stt, t.llm")
    assert codes(mistakes("pipeline: [t.stt, [t.shout], t.shout]")) == ["wrong-shape"]
    assert codes(mistakes("pipeline: [t.stt, t.shout, t.shout: {}]")) == ["duplicate-node"]
    assert codes(mistakes("pipeline: [t.stt]")) == ["missing-key"]
