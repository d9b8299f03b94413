"""graphs/cloud.yaml: what it needs, and a call on it against the emulators."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.calls import seconds_of, voicegraph
from tests.models.fetched import fetched

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "cloud.yaml"
KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY")
SCRIPT = """\
hears: ["When do you open?"]
says: [{cue: "you open", text: "At nine."}]
"""


def test_all_missing_keys_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    result = voicegraph("check", GRAPH, "--set", "nodes.line.with.input=examples/question.wav")
    assert result.exit_code == 1
    assert [key for key in KEYS if key not in result.output] == []


def test_a_call_against_the_emulators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time, for it talks over sockets."""
    fetched("silero-vad")
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    script, reply = tmp_path / "script.yaml", tmp_path / "reply.wav"
    script.write_text(SCRIPT)
    question = ROOT / "examples" / "question.wav"
    result = voicegraph("run", GRAPH, "--in", question, "--out", reply, "--emulate", "--script", script)
    assert result.exit_code == 0, result.output
    said = [line[8:].split("  (")[0] for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert said == ["caller  When do you open?", " agent  At nine."]
    assert result.stderr.startswith("emulating deepgram, openai and elevenlabs on http://127.0.0.1:")
    assert seconds_of(reply) > 3.5
