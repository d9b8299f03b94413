"""benchmarks/README.md tells what benchmarks/results have, and nothing that somebody has typed."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report.document import PLOTS, README, Document, behind, emphasised, figure, fill, load, taken
from benchmarks.report.plots import Bar, Panel, Span, svg
from benchmarks.report.sections import SECTIONS, made

AGAIN = "run `make bench-report`, and commit what it writes"


def test_the_page_is_what_the_results_make_of_it() -> None:
    blocks, _ = made()

    assert fill(README.read_text(), blocks) == README.read_text(), AGAIN


def test_the_plots_are_what_the_results_make_of_them() -> None:
    _, plots = made()

    assert {path.stem: path.read_text() for path in PLOTS.glob("*.svg")} == plots, AGAIN


def test_every_plot_is_shown_and_every_plot_shown_is_there() -> None:
    shown = re.findall(r"\(plots/([\w-]+)\.svg\)", README.read_text())

    assert sorted(shown) == sorted(path.stem for path in PLOTS.glob("*.svg"))


@pytest.mark.parametrize("name", SECTIONS)
def test_what_was_measured_says_how_and_when(name: str) -> None:
    if (document := load(name)) is None:
        pytest.skip(f"{name} was not measured yet")
    blocks, _ = SECTIONS[name].make(document)

    assert set(blocks) == set(SECTIONS[name].names)
    assert document["command"].startswith(f"python -m benchmarks.{name}")
    assert document["date"] in taken(document)


def test_another_figure_makes_another_page() -> None:
    document = load("hop")
    assert document is not None
    before, _ = SECTIONS["hop"].make(document)
    document["results"]["bare queue"]["median_us"] *= 10
    after, _ = SECTIONS["hop"].make(document)

    assert before != after


def test_a_rival_that_is_better_is_in_bold_and_a_floor_is_not() -> None:
    cells = emphasised(["0.10", "3.00", "2.00"], [None, 3.0, 2.0])

    assert cells == ["0.10", "3.00", "**2.00**"]


def test_what_reads_the_same_is_equally_good() -> None:
    assert emphasised(["5.0", "5.0", "4.0"], [5.01, 5.02, 4.0], most=True) == ["**5.0**", "**5.0**", "4.0"]


def test_where_a_rival_is_better_it_is_said() -> None:
    calls = {"voicegraph, def": 90.0, "pipecat, direct": 80.0}
    memory = {"voicegraph, def": 60.0, "voicegraph, async": 50.0, "floor, call": 1.0, "livekit, tuned": 40.0}

    assert behind([("calls", calls, True)]) == "Behind a rival in none of these."
    assert behind([("calls", calls, False)]) == "**Behind a rival**: calls, pipecat, direct 80.0 against our 90.0."
    assert behind([("kB", memory, False)]) == "**Behind a rival**: kB, livekit, tuned 40.0 against our 50.0."


def test_a_part_that_the_page_has_no_place_for_is_refused() -> None:
    with pytest.raises(ValueError, match="only in the page, or only made: b"):
        fill("<!-- begin a -->\n<!-- end a -->", {"a": "", "b": ""})


def test_filling_twice_changes_nothing() -> None:
    page = "before\n<!-- begin a -->\nold\n<!-- end a -->\nbehind"
    once = fill(page, {"a": "new"})

    assert once == "before\n<!-- begin a -->\nnew\n<!-- end a -->\nbehind"
    assert fill(once, {"a": "new"}) == once


values = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=8), st.booleans())
def test_bars_stay_within_their_plot(pairs: list[tuple[float, float]], log: bool) -> None:
    bars = [Bar("<&>", (Span(0, a + 0.001, "ours"),), figure(a), (a, a + b)) for a, b in pairs]
    drawn = ElementTree.fromstring(svg("<a plot>", [Panel("A & B", bars, log=log)]))
    width = float(drawn.attrib["width"])
    rects = [each.attrib for each in drawn.iter("{http://www.w3.org/2000/svg}rect")]

    assert len(rects) == len(pairs)
    assert all(float(each["x"]) >= 0 and float(each["x"]) + float(each["width"]) <= width for each in rects)


MACHINE = {"processor": "P", "cores": 2, "load_1min": 0.1, "python": "3.11", "system": "Linux"}


def _document(name: str, results: Any) -> Document:
    return {
        "command": f"python -m benchmarks.{name}",
        "date": "2026-01-01",
        "machine": MACHINE,
        "versions": {},
        "results": results,
    }


def test_a_ladder_that_ends_without_an_answer() -> None:
    rung = {"contender": "voicegraph", "calls": 1, "p50": 250.0, "p95": 260.0, "added_p95": 10.0, "failed": 0}
    none = {**rung, "calls": 40, "p50": 0.0, "p95": 1e9, "added_p95": 1e9, "failed": 40}
    found = {"ladder": [rung, none], "carried": {"voicegraph": 1}, "wire": None, "soak": None}
    blocks, plots = SECTIONS["calls"].make(_document("calls", found))

    assert "| voicegraph | 40 | 0.00 | none | none | 40 |" in blocks["calls"]
    assert "40 tried" in blocks["calls"]
    assert set(plots) == {"calls"}


def test_hosting_that_costs_shows_pipecat_in_bold() -> None:
    one = {"p50": 2.0, "p95": 3.0, "samples": 9}
    row = {
        "service": "s",
        "hosted_ms": one,
        "pipecat_ms": {**one, "p50": 1.0},
        "hosting_adds_ms": {"q1": 0.9, "p50": 1.0, "q3": 1.1},
    }
    stop = {"voice": "v", "clear_ms": {"p50": 0.1, "p99": 0.2, "max": 0.3, "samples": 9}}
    blocks, _ = SECTIONS["pipecat_bridge"].make(
        _document("pipecat_bridge", {"first_output": [row], "interrupts": [stop]})
    )

    assert "| s | 2.00 | 3.00 | **1.00** | 3.00 | +1.00 | 0.90 to 1.10 |" in blocks["pipecat-bridge"]


def test_parts_of_an_answer_that_took_no_time_are_left_out() -> None:
    parts = {"stt: final": {"p50": 0.1, "p95": 0.2}, "llm: queue": {"p50": 0.0001, "p95": 0.001}, "none": None}
    found = {"answer": {"p50": 0.3, "p95": 0.4}, "answer_parts": parts}
    blocks, _ = SECTIONS["local_turn"].make(_document("local_turn", found))

    assert "| stt: final | 100 | 200 |" in blocks["local-turn"]
    assert "queue" not in blocks["local-turn"]
