"""Callers who say nothing, and callers whose sounds come while the answer is thought of, in whole conversations."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.testing.desk import GRAPH, TALK, call_file, happened, run, told

IDLE = GRAPH.replace("{end_silence: 400ms}", "{end_silence: 400ms, idle: {after: 5s}}")
QUESTION, GOODBYE = "Are you still there?", "I cannot hear you. Goodbye."


@pytest.mark.parametrize("seed", range(8))
def test_a_caller_who_says_nothing(tmp_path: Path, seed: int) -> None:
    steps = f'{TALK}- agent: "{QUESTION}"\n- agent: "{QUESTION}"\n- agent: "{GOODBYE}"\n'
    outcome = run(call_file(tmp_path, steps, "{ended: agent, frames: {UserTurn: 1}}", graph=IDLE), seed)
    assert told(outcome) == []
    begins = [(row.start, row.end) for row in outcome.timeline if row.who == "agent"]
    for (_, end), (start, _) in pairwise(begins[1:]):
        assert end is not None
        assert 5.0 <= start - end <= 5.5
    assert outcome.seconds == pytest.approx(begins[-1][1], abs=0.05)


def test_a_caller_who_answers_after_all(tmp_path: Path) -> None:
    steps = f"""\
    - agent: "Oak Dental, good morning."
    - agent: "{QUESTION}"
    - caller: "Yes, sorry."
    - agent: "How can I help?"
    - agent: "{QUESTION}"
    - agent: "{QUESTION}"
    - agent: "{GOODBYE}"
    - after: {{agent_words: 2}}
    - caller: "Wait, I am here."
    - agent: "Good."
    """
    history = f"""[assistant: "Oak Dental, good morning.", assistant: "{QUESTION}", user: "Yes, sorry.",
      assistant: "How can I help?", assistant: "{QUESTION}", assistant: "{QUESTION}", assistant: "I cannot—",
      user: "Wait, I am here."]"""
    outcome = run(call_file(tmp_path, steps, f"{{ended: caller, history: {history}}}", graph=IDLE))
    assert told(outcome) == []


# --- while the answer is thought of ----------------------------------------------------------------------------------

SLOW = "with: {llm: {first: 3s}}\n"


@pytest.mark.parametrize("speculate", ["false", "true"])
@pytest.mark.parametrize(
    ("length", "interrupt"), [("60ms", "{}"), ("60ms", "{pause_first: true}"), ("600ms", "{min_words: 1}")]
)
def test_a_cough_leaves_the_answer_alone(tmp_path: Path, speculate: str, length: str, interrupt: str) -> None:
    steps = f"""\
    - caller: "When do you open?"
    - silence: 300ms
    - cough: {length}
    - silence: 800ms
    - cough: {length}
    - silence: 8s
    - agent: "From nine to five."
    """
    settings = f"end_silence: 200ms, speculate: {speculate}, interrupt: {interrupt}"
    graph = GRAPH.replace("end_silence: 400ms", settings)
    outcome = run(call_file(tmp_path, steps, "{frames: {UserTurn: 1, Interrupt: 0}}", head=SLOW, graph=graph))
    assert told(outcome) == []
    assert happened(outcome, "agent")[1:] == ["From nine to five."]
    (answer,) = (row for row in outcome.timeline if row.who == "agent" and row.note)
    (asked,) = (row for row in outcome.timeline if row.who == "turn")
    assert answer.start - asked.start == pytest.approx(3.3, abs=0.4)


@pytest.mark.parametrize("interrupt", ["{}", "{pause_first: true}", "{min_words: 1}", "{min_words: 2, ignore: [mhm]}"])
@pytest.mark.parametrize("pause", ["500ms", "700ms", "1500ms", "3200ms"])
def test_a_caller_who_goes_on_has_one_turn(tmp_path: Path, interrupt: str, pause: str) -> None:
    steps = f"""\
    - caller: "I would like"
    - silence: {pause}
    - caller: "a table for two"
    - agent: "For two, very well."
    """
    graph = GRAPH.replace("end_silence: 400ms", f"end_silence: 400ms, interrupt: {interrupt}")
    expect = '{history: [assistant: "Oak Dental, good morning.", user: "I would like a table for two"]}'
    outcome = run(call_file(tmp_path, steps, expect, head=SLOW, graph=graph))
    assert told(outcome) == []
    assert happened(outcome, "agent")[1:] == ["For two, very well."]
