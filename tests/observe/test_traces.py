"""Files of timelines: what is written is read again, and what is none is refused with a word on how to make one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.observe.results import plausible_result
from tests.observe.timelines import plausible, timelines
from voicegraph.errors import VoicegraphError
from voicegraph.observe.bench import result
from voicegraph.observe.timeline import Timeline
from voicegraph.observe.traces import prepare, read, write

RECORDING: list[dict[str, object]] = [
    {"graph": "hello", "began": "2026-11-22T10:00:00.000+00:00", "audio": "a.wav"},
    {"at": 0.1, "end": 2.0, "who": "agent", "turn": 1, "text": "Good morning.", "over": True},
    {"at": 3.0, "end": 4.0, "who": "caller", "text": "When do you"},
    {"at": 4.2, "end": 5.0, "who": "caller", "text": "open?"},
    {"at": 5.4, "end": 6.0, "who": "agent", "turn": 2, "text": "On", "over": False},
    {
        "at": 5.4,
        "end": 7.0,
        "who": "agent",
        "turn": 2,
        "text": "On Saturdays",
        "over": True,
        "interrupted": True,
        "said": "On Saturdays at nine.",
    },
    {"at": 8.0, "who": "caller", "key": "5"},
    {"at": 8.5, "end": 9.0, "who": "agent", "turn": 3, "text": "Five.", "over": True},
]


@given(timelines())
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, timeline: Timeline) -> None:
    file = tmp_path_factory.getbasetemp() / "trace.json"
    write(timeline, file)
    assert read(file) == timeline
    assert json.loads(file.read_text())["version"] == 1


def test_a_result_of_a_bench_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    made = plausible_result(rounds=2)
    result.write(made, file)
    assert read(file) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no trace of a call"),
        ("hello: yaml", "no trace of a call"),
        ("[1]", "no trace of a call"),
        ('{"graph": "a"}', "no trace of a call"),
        ('{"version": 2, "graph": "a"}', "a trace of version 2, and this voicegraph reads 1"),
        ('{"version": 1, "graph": "a", "turns": 3}', r"no whole trace of a call: .*turns"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(VoicegraphError, match=why) as refused:
        read(file)
    assert "--trace FILE" in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(VoicegraphError, match=r"cannot read .*nothing\.json: No such file"):
        read(tmp_path / "nothing.json")


def test_whether_a_trace_can_be_written_is_known_before_the_call(tmp_path: Path) -> None:
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("kept")
    prepare(new)
    prepare(old)
    assert not new.exists()
    assert old.read_text() == "kept"
    for refused in (tmp_path, tmp_path / "nowhere" / "a.json"):
        with pytest.raises(VoicegraphError, match="cannot write"):
            prepare(refused)
        with pytest.raises(VoicegraphError, match="cannot write"):
            write(plausible(1), refused)


def recording(folder: Path, lines: list[dict[str, object]]) -> Path:
    file = folder / "call.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_a_recording_tells_how_long_answers_took(tmp_path: Path) -> None:
    found = read(recording(tmp_path, RECORDING))
    assert isinstance(found, Timeline)
    assert (found.graph, found.call, found.seconds) == ("hello", "call", 9.0)
    assert [turn.answer for turn in found.turns] == [None, pytest.approx(0.4), None]
    answered = found.turns[1]
    assert (answered.asked, answered.heard, answered.unheard) == ("When do you open?", "On Saturdays", "at nine.")
    assert answered.interrupted == 7.0
    assert answered.heard_seconds == pytest.approx(1.6)
    assert sum(part.seconds for part in answered.path) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "no transcript of a recording"),
        ([{"a": 1}], "no transcript of a recording"),
        (RECORDING[:1], "holds no answer"),
        (RECORDING[:1] + RECORDING[2:4], "holds no answer"),
    ],
)
def test_a_recording_without_an_answer_is_refused(tmp_path: Path, lines: list[dict[str, object]], why: str) -> None:
    with pytest.raises(VoicegraphError, match=why):
        read(recording(tmp_path, lines))
