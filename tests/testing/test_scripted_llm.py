"""The scripted language model calls the tools that a graph gives to the one whose place it takes."""

from __future__ import annotations

from pathlib import Path

from tests.test_docs import blocks
from tests.testing.desk import run
from voicegraph import Token, ToolCall, ToolResult, UserTurn
from voicegraph.testing import run_node
from voicegraph.testing.scripted import ScriptedLLM

ROOT = Path(__file__).parents[2]
GRAPH = """\
imports: [./clinic.py]
nodes:
  line: file.call
  vad: silero.vad
  stt: whisper.stt
  aggregator: aggregator
  llm: {use: openai.chat, with: {tools: [clinic.book]}}
  sentences: sentences
  tts: piper.tts
flow:
  - line -> vad -> stt -> aggregator -> llm -> sentences -> tts -> line
  - line -> stt
  - vad -> aggregator
"""
CLINIC = '''\
from voicegraph import ToolError

def book(day: str) -> str:
    """Books an appointment."""
    if day == "Sunday":
        raise ToolError("We are closed on Sundays.")
    return f"Booked for {day}."
'''
TEST = """\
graph: desk.yaml
with:
  llm:
    says:
      - {cue: Monday, text: "One moment.", tool: {name: book, arguments: {day: Monday}}}
      - {cue: Sunday, tool: {name: book, arguments: {day: Sunday}, then: "Sorry. {result}"}}
      - {cue: Tuesday, tool: {name: boko, arguments: {}}}
tests:
- name: a booking
  steps:
  - caller: "Can I come on Monday?"
  - agent: "One moment. Booked for Monday."
  - caller: "Or rather on Sunday?"
  - agent: "Sorry. We are closed on Sundays."
  - caller: "Or on Tuesday?"
  - agent: "There is no function `boko`. There are: `book`."
  expect: {frames: {ToolCall: 3, ToolResult: 3}}
"""


def test_a_conversation_with_tools(tmp_path: Path) -> None:
    (tmp_path / "clinic.py").write_text(CLINIC)
    (tmp_path / "desk.yaml").write_text(GRAPH)
    (tmp_path / "desk_test.yaml").write_text(TEST)
    outcome = run(tmp_path / "desk_test.yaml")
    assert outcome.passed, outcome.report()


def test_the_example_of_the_page_passes(tmp_path: Path) -> None:
    page = ROOT / "docs" / "tools.md"
    (tmp_path / "clinic.py").write_text(blocks(page, "python")[0])
    (tmp_path / "clinic.yaml").write_text(GRAPH.replace("clinic.book", "clinic.free_times"))
    (example,) = (block for block in blocks(page, "yaml") if "tests:" in block)
    (tmp_path / "clinic_test.yaml").write_text(example)
    outcome = run(tmp_path / "clinic_test.yaml")
    assert outcome.passed, outcome.report()


def test_calls_for_another_node_have_names_of_their_own() -> None:
    """Though some have their results by then."""
    line = {"tool": {"name": "book"}}
    frames = [UserTurn("one"), UserTurn("two"), ToolResult("call-1", "first"), UserTurn("three")]
    given = run_node(ScriptedLLM, *frames, with_={"says": [line]})
    assert [frame.id for frame in given if isinstance(frame, ToolCall)] == ["call-1", "call-2", "call-3"]
    assert [frame.text for frame in given if isinstance(frame, Token) and frame.text.strip()] == ["first"]
