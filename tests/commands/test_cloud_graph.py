"""graphs/cloud.yaml: what it needs, and a call on it against the emulators."""

from __future__ import annotations

import re
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


NEEDS = {
    "stt": "DEEPGRAM_API_KEY",
    "stt_backup": "OPENAI_API_KEY",
    "llm": "OPENAI_API_KEY",
    "tts": "ELEVENLABS_API_KEY",
    "tts_backup": "OPENAI_API_KEY",
}


def missing() -> dict[str, str]:
    """Of variables, what `check` tells: by node."""
    result = voicegraph("check", GRAPH)
    assert result.exit_code == 1
    told = re.findall(
        r"cloud\.yaml:\d+:\d+: error\[.*?\]: `(\w+)` \(.*\) needs .* `(\w+)`\n.*\n.*\n.*\^ (.*)", result.output
    )
    assert [(variable, hint) for _, variable, hint in told] == [(name, f"export {name}=...") for _, name, _ in told]
    return {node: variable for node, variable, _ in told}


def test_all_missing_keys_are_told_at_once_with_their_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    assert missing() == NEEDS


@pytest.mark.parametrize("key", KEYS)
def test_no_other_vendors_key_is_taken_for_a_missing_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in KEYS:
        monkeypatch.setenv(other, "" if other == key else "any")
    assert missing() == {node: variable for node, variable in NEEDS.items() if variable == key}


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
