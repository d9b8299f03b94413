"""`voicegraph test`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from xml.etree import ElementTree

from tests.commands.calls import voicegraph
from tests.testing.desk import BARGE_IN, GRAPH, TALK, call_file, desk_file
from voicegraph import UserTurn, node

TWO = """\
- name: opening hours
  steps: [caller: "When do you open?", agent: "At nine."]
- name: closing hours
  steps: [caller: "When do you close?", agent: "At five."]
  expect: {never: [five]}
"""


@node("t.interrupted")
def interrupted(turn: UserTurn) -> None:
    """The user presses Ctrl-C."""
    if "stop" in turn.text.lower():
        signal.raise_signal(signal.SIGINT)


def test_all_pass(tmp_path: Path) -> None:
    file = call_file(tmp_path, BARGE_IN, "{barge_in: < 150ms, answer: < 900ms}")
    result = voicegraph("test", file)
    assert result.exit_code == 0, result.output
    name, passed, summary = result.stdout.splitlines()
    assert name == str(file)
    assert re.fullmatch(r"  passed  a call  +\d+\.\d s in \d+ ms", passed)
    assert re.fullmatch(r"1 passed  \d+\.\d s of calls in \d\.\d\d s", summary)
    assert result.stderr == ""


def test_one_fails(tmp_path: Path) -> None:
    file = desk_file(tmp_path, TWO)
    result = voicegraph("test", file)
    assert result.exit_code == 1
    assert "  passed  opening hours" in result.stdout
    assert re.search(r"  FAILED  closing hours  +\d+\.\d s in \d+ ms, seed 1\n", result.stdout)
    assert f'{file}:7:22: error[not-as-expected]: the caller heard "At five."\n' in result.stdout
    assert "| " + " " * 21 + "^^^^ never this" in result.stdout
    assert re.search(r"agent   Oak Dental, good morning\.\n", result.stdout)
    assert result.stdout.splitlines()[-1].startswith("1 passed, 1 failed  ")


def test_a_seed_is_printed_where_it_matters_and_can_be_given(tmp_path: Path) -> None:
    file = call_file(tmp_path, TALK, "{answer: < 1ms}")
    assert ", seed 77\n" in voicegraph("test", file, "--seed", "77").stdout
    assert voicegraph("test", file, "--seed", "-1").exit_code == 2


def test_a_wrong_file_is_told_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    wrong = call_file(tmp_path / "wrong", "- callr: Hello")
    result = voicegraph("test", wrong, call_file(tmp_path, TALK), tmp_path / "none_test.yaml")
    assert result.exit_code == 1
    assert f"{wrong}:5:9: error[unknown-step]: there is no step `callr`" in result.stdout
    assert "error[file-not-found]" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 passed, 2 wrong  ")


def test_selecting_by_name(tmp_path: Path) -> None:
    file = desk_file(tmp_path, TWO)
    result = voicegraph("test", file, "-k", "Opening")
    assert result.exit_code == 0
    assert "closing" not in result.stdout
    nothing = voicegraph("test", file, "-k", "midnight")
    assert nothing.exit_code == 2
    assert "no test has 'midnight' in its name" in nothing.stderr


def test_verbose_shows_what_happened(tmp_path: Path) -> None:
    file = call_file(tmp_path, TALK)
    assert "caller  When do you open?" in voicegraph("test", file, "--verbose").stdout
    assert "caller  When do you open?" not in voicegraph("test", file).stdout


def test_junit(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    assert voicegraph("test", desk_file(tmp_path, TWO), "--junit", results).exit_code == 1
    root = ElementTree.parse(results).getroot()
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["opening hours", "closing hours"]
    assert len(list(root.iter("failure"))) == 1
    result = voicegraph("test", call_file(tmp_path, TALK), "--junit", tmp_path / "none" / "results.xml")
    assert result.exit_code == 1
    assert "error: cannot write" in result.stderr


def test_no_file_is_wrong_usage() -> None:
    assert voicegraph("test").exit_code == 2


def test_ctrl_c_leaves_what_is_known(tmp_path: Path) -> None:
    graph = GRAPH.replace("  llm:", "  user: t.interrupted\n  llm:") + "  - aggregator -> user\n"
    tests = TWO.replace("When do you close?", "Stop!")
    file, results = desk_file(tmp_path, tests, graph=graph, head="real: []\n"), tmp_path / "results.xml"
    result = voicegraph("test", file, "--junit", results)
    assert result.exit_code == 130
    assert "stopped" in result.stderr
    assert result.stdout.splitlines()[-1].startswith("1 passed  ")
    assert [case.attrib["name"] for case in ElementTree.parse(results).getroot().iter("testcase")] == ["opening hours"]


def test_faults_are_told_in_the_timeline_and_logged_only_if_asked(tmp_path: Path) -> None:
    file = call_file(tmp_path, '- fault: {node: llm, kind: error}\n- caller: "Hello"\n- silence: 1s', "{errors: 0}")
    quiet = voicegraph("test", file)
    assert "fault   llm: ScriptedFault: a fault that the test asked for: error" in quiet.stdout
    assert quiet.stderr == ""
    assert "llm: ScriptedFault" in voicegraph("-v", "test", file).stderr


def test_what_the_engine_warns_of_is_in_the_timeline(tmp_path: Path) -> None:
    graph = GRAPH.replace("  llm:", "  clinger: t.clings\n  llm:") + "  - aggregator -> clinger\n"
    result = voicegraph("test", call_file(tmp_path, BARGE_IN, graph=graph), "--verbose")
    assert result.exit_code == 0
    assert "notice     clinger: did not let go of an interrupted reply within" in result.stdout
