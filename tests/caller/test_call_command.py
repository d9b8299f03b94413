"""`voicegraph call`, over real sockets."""

from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path

import pytest

from tests.caller.served import command
from voicegraph.caller import load
from voicegraph.caller.dialling import Number
from voicegraph.caller.result import Result
from voicegraph.caller.voices import simulated
from voicegraph.testing.virtual import run_virtual


def test_one_call_is_told_as_a_timeline_recorded_and_measured(tmp_path: Path) -> None:
    wav, figures = tmp_path / "call.wav", tmp_path / "call.json"
    words = ("{webhook}", "--say", "Hello?", "--parameter", "who=Ann", "--from", "+1")
    result, server = command(*words, "--record", str(wav), "--json", str(figures))
    assert result.exit_code == 0, result.output
    told = [line.split(maxsplit=2)[2].partition("  (")[0].split() for line in result.stdout.splitlines()[1:4]]
    assert told == [["agent", "Hi."], ["caller", "Hello?"], ["agent", "Yes."]]
    assert "answers" in result.stdout
    assert server.starts[0]["customParameters"] == {"tenant": "oak", "who": "Ann"}
    assert server.forms[0]["From"] == "+1"
    data = json.loads(figures.read_text())
    assert (data["heard"], data["failed"]) == ("Hi. Yes.", False)
    assert answer_in(wav) == pytest.approx(data["answers"][0], abs=0.001)


def answer_in(recording: Path) -> float:
    """Seconds from the caller's last sound to the agent's next."""
    with wave.open(str(recording)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 8_000, 2)
        samples = memoryview(sound.readframes(sound.getnframes())).cast("h").tolist()
    caller, agent = ([abs(each) > 300 for each in samples[side::2]] for side in (0, 1))
    last = len(caller) - caller[::-1].index(True)
    return agent.index(True, last) / 8_000 - last / 8_000


def test_many_calls_are_told_in_figures(tmp_path: Path) -> None:
    figures = tmp_path / "calls.json"
    result, server = command("{webhook}", "--say", "Hi", "--calls", "3", "--json", str(figures))
    assert result.exit_code == 0, result.output
    assert "3 calls, 0 failed" in result.stdout
    data = json.loads(figures.read_text())
    assert (data["calls"], data["failed"], len(data["each"])) == (3, 0, 3)
    assert data["seconds"]["answers"]["count"] == 3
    assert len({start["callSid"] for start in server.starts}) == 3


def test_no_more_calls_at_a_time_than_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_time: list[int] = []
    going = 0

    async def made(*_: object) -> load.Made:
        nonlocal going
        going += 1
        at_a_time.append(going)
        await asyncio.sleep(5.0)
        going -= 1
        return load.Made(Result("caller hung up"))

    monkeypatch.setattr(load, "call", made)
    plan = load.Plan(Number("ws://nobody"), (), simulated())
    told: list[Result] = []
    making = load.calls(plan, 20, concurrent=4, every=0.5, seed=1, done=told.append)
    assert run_virtual(making, seed=1).calls == told
    assert (len(told), max(at_a_time)) == (20, 4)


def test_calls_that_fail_are_counted_and_said(tmp_path: Path) -> None:
    figures = tmp_path / "calls.json"
    busy = '<Response><Reject reason="busy"/></Response>'
    result, _ = command("{webhook}", "--calls", "3", "--json", str(figures), twiml=busy)
    assert result.exit_code == 1
    assert "3 calls, 3 failed" in result.stdout
    assert json.loads(figures.read_text())["reasons"] == {"rejected: busy": 3}


def test_a_script_is_followed_and_what_does_not_happen_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text('steps:\n  - agent: "Hello."\n  - hang_up:\n')
    result, _ = command("{stream}", "--script", str(script))
    assert result.exit_code == 1
    assert "script.yaml:2:12: error[other-words]" in result.stderr
    assert 'heard "Hi."' in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [fault: {node: tts, kind: error}]", "error[unknown-step]"),
        ("steps: [after: {frame: UserTurn}]", "error[unknown-step]"),
        ("steps: []", "error[empty-test]"),
        ("says: []", "error[unknown-key]"),
        ("[]", "error[wrong-shape]"),
    ],
)
def test_a_script_that_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(text)
    result, server = command("{stream}", "--script", str(script))
    assert result.exit_code == 1
    assert message in result.stderr
    assert server.starts == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--say", "a", "--audio", "b.wav"), "a caller does one of these"),
        (("--calls", "2", "--record", "a.wav"), "of one call only"),
        (("--jitter", "5"), "a duration is a number and a unit"),
        (("--parameter", "a"), "NAME=VALUE"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], message: str) -> None:
    result, _ = command("{stream}", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("stall", ["2s/100ms", "1", "x/y"])
def test_a_stall_that_makes_no_sense_is_refused(stall: str) -> None:
    result, _ = command("{stream}", "--stall", stall)
    assert result.exit_code == 1
    assert "stall" in result.stderr
