"""Every kind of expectation: met, and not met at the right place in the right words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.desk import BARGE_IN, GRAPH, OPEN, TALK, call_file, run, told
from voicegraph.durations import format_duration

TALKED = f'["Oak Dental, good morning.", "{OPEN}"]'
HISTORY = """\
[assistant: "Oak Dental, good morning.", user: "When do you open?", assistant: "From nine to—", user: "And on Sundays?"]
"""


@pytest.mark.parametrize(
    "expect",
    [
        "{answer: < 900ms}",
        "{answer: '> 100ms'}",
        "{barge_in: < 150ms}",
        "{barge_in: <= 150ms}",
        '{heard: ["oak dental GOOD morning", "From nine to", "We are closed on Sundays."]}',
        '{heard: ["Oak Dental, good morning.", "From nine...", "We are closed on Sundays."]}',
        '{heard: ["Oak Dental, good morning.", "From…", "We are closed on Sundays."]}',
        '{never: ["until noon", "five"]}',
        "{never: noon}",
        "{frames: {UserTurn: 2, Interrupt: 1, aggregator.UserTurn: 2, llm.Token: '> 5', tts.Token: 0}}",
        "{interrupts: 1}",
        "{interrupts: '>= 1'}",
        "{errors: 0}",
        "{ended: caller}",
        "{duration: < 20s}",
        f"{{history: {HISTORY}}}",
    ],
)
def test_met(tmp_path: Path, expect: str) -> None:
    assert told(run(call_file(tmp_path, BARGE_IN, expect))) == []


@pytest.mark.parametrize(
    ("expect", "under", "message"),
    [
        ("{barge_in: < 1s}", "< 1s", "there was no barge-in to measure"),
        ('{heard: ["Oak Dental, good morning."]}', '["Oak Dental, good morning."]',
         f'the caller heard "{OPEN}" besides'),
        ('{heard: ["Oak Dental, good morning.", "From nine..."]}', '"From nine..."', f'the caller heard "{OPEN}"'),
        (f"{{heard: {TALKED[:-1]}, And more.]}}", "And more.", "the caller heard no more than 2 replies"),
        ('{said: ["Oak Dental, good evening.", x]}', '"Oak Dental, good evening."',
         'the agent said "Oak Dental, good morning."'),
        ("{never: [midnight, Until noon!]}", "Until noon!", f'the caller heard "{OPEN}"'),
        ("{frames: {UserTurn: 1, Interrupt: 1}}", "Interrupt", "0 Interrupts given, not 1"),
        ("{frames: {Token: '> 2', tts.Token: '> 2'}}", "tts.Token", "0 Tokens given by `tts`, not > 2"),
        ("{frames: {UserTurn: 0}}", "UserTurn", "1 UserTurn given, not 0"),
        ("{interrupts: 1}", "1", "0 interrupts, not 1"),
        ("{errors: 2}", "2", "0 faults, not 2"),
        ("{ended: agent}", "agent", "the call was ended by the caller"),
        ("{ended: fault}", "fault", "the call was ended by the caller"),
        ("{history: [user: When do you open?]}", "When do you open?",
         'the brain was given assistant: "Oak Dental, good morning."'),
        ('{history: [user: "Oak Dental, good morning."]}', '"Oak Dental, good morning."',
         'the brain was given assistant: "Oak Dental, good morning."'),
        ('{history: [assistant: "Oak Dental, good morning."]}', '[assistant: "Oak Dental, good morning."]',
         'the brain was also given user: "When do you open?"'),
        ('{history: [assistant: "Oak Dental, good morning.", user: "When do you open?", user: More]}', "More",
         "the brain was given 2 messages"),
    ],
)  # fmt: skip
def test_not_met(tmp_path: Path, expect: str, under: str, message: str) -> None:
    assert told(run(call_file(tmp_path, TALK, expect))) == [("not-as-expected", under, message)]


@pytest.mark.parametrize(("expect", "times"), [("answer: < 20ms", "answer"), ("duration: < 2s", "call")])
def test_times_that_are_too_long(tmp_path: Path, expect: str, times: str) -> None:
    ((code, under, message),) = told(run(call_file(tmp_path, TALK, f"{{{expect}}}")))
    assert (code, under) == ("not-as-expected", expect.partition(": ")[2])
    assert message.startswith(f"the {times} ")
    assert message.endswith(f"not {under}")


@pytest.mark.parametrize("seed", range(6))
def test_the_worst_of_all_answers_is_told(tmp_path: Path, seed: int) -> None:
    slow = "with: {llm: {first: {p50: 0.2s, p95: 1s}}}\n"
    outcome = run(call_file(tmp_path, BARGE_IN, "{answer: < 10ms}", head=slow), seed)
    ((_, _, message),) = told(outcome)
    notes = [int(row.note.removesuffix(" ms")) for row in outcome.timeline if row.note]
    assert len(notes) == 2
    assert format_duration(max(notes) / 1000) in message


def test_a_cut_mark_in_the_history_is_compared(tmp_path: Path) -> None:
    ((_, under, message),) = told(run(call_file(tmp_path, BARGE_IN, f"{{history: {HISTORY.replace('—', '')}}}")))
    assert under == '"From nine to"'
    assert message == 'the brain was given assistant: "From nine to—"'


def test_every_expectation_that_is_not_met_is_told(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, TALK, "{answer: < 1ms, never: [nine, noon], interrupts: 3}"))
    assert [under for _, under, _ in told(outcome)] == ["< 1ms", "nine", "noon", "3"]


STUMBLES = GRAPH.replace("  llm:", "  extra: t.stumbles\n  llm:") + "  - aggregator -> extra\n  - extra -> sentences\n"


def test_a_fault_fails_a_test_that_expects_none(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, TALK, graph=STUMBLES))
    (found,) = outcome.found
    assert (found.code, found.message) == ("not-as-expected", "1 fault")
    assert found.hint.startswith("extra: ValueError: a mistake of the node's author (desk.py:")
    assert found.span is not None
    assert found.span.text == "a call"
    assert told(run(call_file(tmp_path, TALK, "{errors: 1}", graph=STUMBLES))) == []
    assert told(run(call_file(tmp_path, TALK, "{errors: '> 1'}", graph=STUMBLES)))[0][2] == "1 fault, not > 1"


def test_a_test_that_makes_nodes_fail_need_not_count(tmp_path: Path) -> None:
    steps = '- fault: {node: llm, kind: error}\n- caller: "Hello"\n- silence: 2s\n'
    assert told(run(call_file(tmp_path, steps))) == []
    assert told(run(call_file(tmp_path, steps, "{errors: 0}")))[0][2] == "1 fault, not 0"


def test_a_fault_that_ends_the_call(tmp_path: Path) -> None:
    steps = '- fault: {node: stt, kind: error}\n- caller: "Hello"\n'
    assert told(run(call_file(tmp_path, steps, "{ended: fault}"))) == []
    curt = f"{GRAPH}watchdog: {{goodbye: null}}\n"
    ((code, _, message),) = told(run(call_file(tmp_path, f"{steps}- agent: Hello.", graph=curt)))
    assert code == "call-ended"
    assert message.startswith("the call ended before this: stt: ScriptedFault")


def test_a_fault_of_the_graph_that_ends_the_call(tmp_path: Path) -> None:
    graph = (
        GRAPH.replace("whisper.stt", "t.breaks")
        .replace("vad -> stt", "vad")
        .replace("line -> stt", "line -> stt -> aggregator")
    )
    graph = graph.replace("vad -> aggregator -> llm", "vad -> aggregator -> llm")
    outcome = run(call_file(tmp_path, "- silence: 3s", "{ended: fault}", graph=graph))
    assert told(outcome) == []
    assert told(run(call_file(tmp_path, "- silence: 3s", graph=graph)))[0][2] == "1 fault"


def test_a_node_that_needs_the_world_outside(tmp_path: Path) -> None:
    outcome = run(
        call_file(tmp_path, '- caller: "Hello"\n- silence: 1s', graph=GRAPH.replace("llama.chat", "t.dials_out"))
    )
    ((code, under, message),) = told(outcome)
    assert (code, under) == ("not-virtual", "a call")
    assert message.startswith("`llm` cannot run in virtual time: loop.")
    assert "there are no sockets in virtual time" in message
    assert "scripted" in message
    dials = GRAPH.replace("llama.chat", "t.dials_out")
    assert told(run(call_file(tmp_path, TALK, graph=dials)))[0][0] == "not-virtual"  # not that the agent said nothing


SPINS = GRAPH.replace("  llm:", "  spinner: t.spins\n  llm:") + "  - aggregator -> spinner\n"


def test_a_node_that_stops_the_clock(tmp_path: Path) -> None:
    outcome = run(call_file(tmp_path, '- caller: "Hello"\n- silence: 1s', graph=SPINS))
    ((code, under, message),) = told(outcome)
    assert (code, under) == ("not-virtual", "a call")
    assert "spinner" in message
    assert 0 < outcome.seconds < 5
    assert outcome.timeline


def test_what_was_taken_back_unheard_is_no_interrupt(tmp_path: Path) -> None:
    steps = f'{TALK}- caller: "Yes."\n- silence: 150ms\n- caller: "And on Sundays?"\n- agent: "Closed."'
    graph = GRAPH.replace("{end_silence: 400ms}", "{end_silence: 400ms, speculate: true}")
    outcome = run(call_file(tmp_path, steps, "{interrupts: 0, frames: {Interrupt: 1, UserTurn: 3}}", graph=graph))
    assert told(outcome) == []
    ((_, _, message),) = told(run(call_file(tmp_path, steps, "{barge_in: < 1s}", graph=graph)))
    assert message == "there was no barge-in to measure"
