"""Pictures of plans."""

from __future__ import annotations

import re

from tests.graph.nodes import AGENT
from tests.graph.reading import part, read
from voicegraph.graph import compile_plan
from voicegraph.graph.draw import dot, mermaid

PLAN = compile_plan(read(AGENT, ["nodes.line.with.rate=8000"]))


def test_mermaid_shows_nodes_frames_converters_and_who_stands_by() -> None:
    text = mermaid(PLAN)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart LR"
    ids = dict(re.findall(r'^    (n\d+)\W+"([^<"]+)<br/>', text, re.MULTILINE))
    assert list(ids.values()) == [*PLAN.nodes, *PLAN.standby]
    named = [re.sub(r"\bn\d+\b", lambda found: ids[found[0]], line) for line in lines]
    assert 'line(["line<br/>t.line"])' in named
    assert 'tts~8000{{"tts~8000<br/>to 8000 Hz"}}' in named
    assert "vad -->|SpeechStarted, SpeechStopped| aggregator" in named
    assert "line -->|Audio| line~16000" in named
    assert "tts~8000 -->|TTSAudio| line" in named
    assert "tts -.->|fallback| backup" in named
    assert "backup~8000 -.->|TTSAudio| line" in named
    assert "style backup stroke-dasharray: 5 5" in named


def test_the_line_is_drawn_once() -> None:
    assert mermaid(PLAN).count('"line<br/>') == 1
    assert dot(PLAN).count('label="line\\n') == 1


def test_dot() -> None:
    lines = [line.strip() for line in dot(PLAN).splitlines()]
    assert lines[0] == 'digraph "graph" {'
    assert lines[-1] == "}"
    assert '"line" [label="line\\nt.line", shape=oval];' in lines
    assert '"tts~8000" [label="tts~8000\\nto 8000 Hz", shape=hexagon];' in lines
    assert '"stt" -> "aggregator" [label="Transcript"];' in lines
    assert '"tts" -> "backup" [label="fallback", style=dashed];' in lines
    assert '"backup" [label="backup\\nt.tts", style="rounded,dashed"];' in lines


def test_names_cannot_break_out_of_their_quotes() -> None:
    plan = compile_plan(read(part("end: t.stt\ngraph: t.shout", "end -> graph", "name: 'a\"b\\c'\n")))
    assert 'n0["end<br/>t.stt"]' in mermaid(plan)
    assert dot(plan).startswith('digraph "a\\"b\\\\c" {')
