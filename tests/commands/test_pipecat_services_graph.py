"""graphs/pipecat-services.yaml: a call on pipecat's own services against the emulators, and what `check` tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands.calls import seconds_of, voicegraph
from tests.models.fetched import fetched

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "pipecat-services.yaml"
KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY")
SCRIPT = """\
hears: ["When do you open?"]
says: [{cue: "you open", text: "At nine."}]
"""


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


@pytest.mark.filterwarnings("ignore:.*websockets.*:DeprecationWarning")  # of Deepgram's SDK
def test_a_call_against_the_emulators(tmp_path: Path) -> None:
    """In real time, for it talks over sockets."""
    fetched("silero-vad")
    script, reply = tmp_path / "script.yaml", tmp_path / "reply.wav"
    script.write_text(SCRIPT)
    question = ROOT / "examples" / "question.wav"
    result = voicegraph("run", GRAPH, "--in", question, "--out", reply, "--emulate", "--script", script)
    assert result.exit_code == 0, result.output
    said = [line[8:].split("  (")[0] for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert said == ["caller  When do you open?", " agent  At nine."]
    assert seconds_of(reply) > 3.5


def test_the_keys_that_are_missing_are_told_by_node() -> None:
    result = voicegraph("check", GRAPH)
    assert result.exit_code == 1
    told = re.findall(r"error\[missing-variable\]: `(\w+)` \(.*\) needs .* `(\w+)`", result.output)
    assert told == [
        ("stt", "DEEPGRAM_API_KEY"),
        ("llm", "OPENAI_API_KEY"),
        ("tts", "ELEVENLABS_API_KEY"),
        ("tts_backup", "OPENAI_API_KEY"),
    ]
