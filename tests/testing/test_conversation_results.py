"""What is told of a test: the timeline, JUnit XML, and the same again for the same seed."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tests.testing.desk import BARGE_IN, GRAPH, TALK, call_file, desk_file, happened, mistakes, run
from voicegraph.testing.conversations import Outcome, read_suite, run_case, timeline
from voicegraph.testing.conversations.junit import as_xml

SPREAD = "with: {llm: {first: {p50: 200ms, p95: 2s}}, tts: {first: {p50: 80ms, p95: 900ms}}}\n"


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_one_seed_one_result(tmp_path: Path) -> None:
    file = call_file(tmp_path, BARGE_IN, head=SPREAD)
    first, again, other = run(file, 5), run(file, 5), run(file, 6)
    assert first.timeline == again.timeline
    assert first.seconds == again.seconds
    assert first.timeline != other.timeline
    assert first.passed
    assert other.passed


def test_the_seed_is_of_the_order_of_tasks_too(tmp_path: Path) -> None:
    both = "  one: t.first\n  two: t.second\n  sentences:"
    graph = GRAPH.replace("  llm: llama.chat\n  sentences:", both).replace("-> llm ->", "-> one ->")
    graph += "  - aggregator -> two -> sentences\n"
    file = call_file(tmp_path, "- caller: Hello", graph=graph)
    assert {happened(run(file, seed), "agent")[-1] for seed in range(8)} == {"first second", "second first"}


def test_where_the_seed_comes_from(tmp_path: Path) -> None:
    assert run(call_file(tmp_path, TALK)).seed == 1
    assert run(call_file(tmp_path, TALK, head="seed: 9\n")).seed == 9
    assert run(call_file(tmp_path, TALK, head="seed: 9\n"), 4).seed == 4


# --- the timeline ---------------------------------------------------------------------------------------------------


def test_the_timeline_as_text(tmp_path: Path) -> None:
    lines = timeline.as_text(run(call_file(tmp_path, BARGE_IN)).timeline).splitlines()
    assert lines[0].split() == ["from", "to"]
    shown = [re.sub(r"\d+\.\d\d|\(\d+ ms\)", "#", line) for line in lines[1:]]
    assert [re.sub(r"  +", "  ", line).strip() for line in shown] == [
        "#  #  agent  Oak Dental, good morning.",
        "#  #  caller  When do you open?",
        "#  turn  When do you open?",
        "#  #  agent  From nine to [not heard: five on weekdays, and on Saturdays until noon.]  #",
        "#  #  caller  And on Sundays?",
        "#  interrupt  barge-in",
        "#  turn  And on Sundays?",
        "#  #  agent  We are closed on Sundays.  #",
    ]
    assert (
        len(
            {line.find(word) for line in lines for word in ("agent ", "caller ", "turn ", "interrupt ") if word in line}
        )
        == 1
    )


def test_the_timeline_on_a_terminal(tmp_path: Path) -> None:
    console = Console(force_terminal=True, width=90, color_system="standard", legacy_windows=False)
    with console.capture() as captured:
        console.print(timeline.as_table(run(call_file(tmp_path, BARGE_IN)).timeline))
    shown = captured.get()
    assert re.search(r"\x1b\[2;9m.*five on weekdays", shown)
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown.splitlines()]
    assert "not heard" not in shown
    assert max(map(len, plain)) <= 90
    assert any(line.strip() and not line[:20].strip() for line in plain)  # a long text goes on in its column


def test_nothing_can_move_a_terminals_cursor(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, '- caller: "Hel\\u001b[2Jlo"\n- silence: 1s'))
    assert "\x1b" not in timeline.as_text(outcome.timeline)


def test_what_was_misunderstood_is_told(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, TALK, head="with: {stt: {mishears: {open: closed}}}\n"))
    assert [row.parts[0].text for row in outcome.timeline if row.who == "stt"] == ['understood "When do you closed"']
    assert not [row for row in run(call_file(tmp_path, TALK)).timeline if row.who == "stt"]


# --- JUnit ----------------------------------------------------------------------------------------------------------

ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "time"}, {"properties", "testcase"}),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "testcase": ({"name", "classname", "time"}, {"failure"}),
    "failure": ({"message", "type"}, set[str]()),
}
"""What Jenkins' schema lets each element have, as far as it is used."""


def results(folder: Path) -> tuple[list[Outcome], ElementTree.Element]:
    file = desk_file(folder, """\
- name: passes
  steps: [caller: "Hello"]
- name: "fails & \\x01<is told>"
  steps: [caller: "Hel\\u0007lo"]
  expect: {answer: < 1ms, ended: agent}
""")  # fmt: skip
    suite = read_suite(file)
    outcomes = [run_case(suite, case) for case in suite.cases]
    wrong = mistakes(call_file(folder, "- callr: x"))
    return outcomes, ElementTree.fromstring(as_xml(outcomes, {"wrong_test.yaml": wrong}))


def test_junit_is_what_ci_systems_read(tmp_path: Path) -> None:
    _, root = results(tmp_path)
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) == attributes
        assert {child.tag for child in element} <= children
        if "time" in element.attrib:
            assert re.fullmatch(r"\d{1,3}\.\d{3}", element.attrib["time"])


def test_junit_counts_and_tells(tmp_path: Path) -> None:
    outcomes, root = results(tmp_path)
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "2")
    assert [(suite.attrib["tests"], suite.attrib["failures"]) for suite in root] == [("2", "1"), ("1", "1")]
    failure = root.find("testsuite/testcase[@name='fails & \ufffd<is told>']/failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.attrib == {"type": "not-as-expected", "message": "there was no answer to measure"}
    for part in ("error[not-as-expected]: the call was ended by the caller", "seed 1", "caller  Hel", "^^^^^"):
        assert part in failure.text
    assert root.find("testsuite/testcase[@name='passes']/failure") is None
    wrong = root.find("testsuite[@name='wrong_test.yaml']/testcase/failure")
    assert wrong is not None
    assert wrong.attrib["type"] == "unknown-step"
    assert sum(float(each.attrib["time"]) for each in root.iter("testcase")) == pytest.approx(
        sum(outcome.took for outcome in outcomes), abs=0.01
    )


# --- real voices ----------------------------------------------------------------------------------------------------


def test_a_voice_without_words_in_its_sound_is_heard_by_the_ledger(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, BARGE_IN, graph=GRAPH.replace("piper.tts", "tone.tts")))
    assert outcome.passed
    cut = next(row for row in outcome.timeline if row.who == "agent" and not row.parts[-1].heard)
    assert cut.parts[0].text.startswith("From nine to")
