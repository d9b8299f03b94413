"""Where nodes and wires are drawn."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings

from tests.observe.timelines import NODES, WIRES, plausible, timelines
from voicegraph.observe.page.layout import Layout, lay_out
from voicegraph.observe.timeline import Node, Timeline

DESK = lay_out(NODES, WIRES, "line", {"stt": 0.4, "llm": 0.3})


def places(layout: Layout) -> dict[str, tuple[int, int]]:
    return {box.node + (" (end)" if box.end else ""): box.at for box in layout.boxes}


def test_the_line_stands_at_both_ends_and_the_rest_between_them() -> None:
    at = places(DESK)
    order = ["line", "vad", "stt", "aggregator", "llm", "sentences", "tts", "resample", "line (end)"]
    assert [at[name] for name in order] == [(column, 0) for column in range(9)]


def test_a_node_that_stands_by_is_drawn_below_the_one_that_it_is_called_after() -> None:
    at = places(DESK)
    assert at["tts_backup"] == (at["tts"][0], 2)


def test_of_two_nodes_side_by_side_the_slower_one_is_in_the_middle() -> None:
    nodes = [Node(name=name, use="") for name in ("line", "a", "b", "c")]
    wires = [("line", "a"), ("line", "b"), ("a", "c"), ("b", "c")]
    at = places(lay_out(nodes, wires, "line", {"b": 1.0}))
    assert (at["b"], at["a"]) == ((1, 0), (1, 1))


def test_without_a_line_and_without_wires_all_is_drawn() -> None:
    assert len(lay_out(NODES, [], "", {}).boxes) == len(NODES)
    assert lay_out([], [], "", {}).boxes == ()


@given(timelines())
@settings(max_examples=200, deadline=None)
def test_no_two_boxes_share_a_place_and_no_wire_passes_through_one(timeline: Timeline) -> None:
    layout = lay_out(timeline.nodes, timeline.wires, timeline.line, {})
    taken = [box.at for box in layout.boxes]
    assert len(set(taken)) == len(taken)
    assert {box.node for box in layout.boxes} == {node.name for node in timeline.nodes}
    for wire in layout.wires:
        first, *between, last = wire.through
        assert {first, last} <= set(taken)
        assert not set(between) & set(taken)
        assert all(after[0] == before[0] + 1 for before, after in pairwise(wire.through))


def test_every_wire_of_a_graph_is_drawn() -> None:
    timeline = plausible(2)
    assert {(wire.giver, wire.taker) for wire in lay_out(timeline.nodes, timeline.wires, "line", {}).wires} == set(
        WIRES
    )
