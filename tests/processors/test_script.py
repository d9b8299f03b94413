"""script.stt: what is given, and when."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from voicegraph.frames import Audio, Frame, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node_type
from voicegraph.processors.script import Script
from voicegraph.testing import run_node

SCRIPT = [
    {"at": "500ms", "text": "what are", "final": False, "since": "300ms"},
    {"at": "900ms", "text": "What are your hours?"},
    {"at": "1.5s", "text": "Thanks."},
]


def call(seconds: float, **values: Any) -> list[Frame]:
    """What the node gives in a call of so many seconds."""
    frames = (Audio(bytes(640), at=n * 0.02) for n in range(round(seconds * 50)))
    return run_node(Script, *frames, with_=values)


def test_speech_starts_is_guessed_at_stops_and_is_known() -> None:
    given = call(1.2, script=SCRIPT)
    started, guess, stopped, final = given
    assert isinstance(started, SpeechStarted)
    assert started.at == 0.3
    assert started.noticed == pytest.approx(0.3, abs=0.02)
    assert isinstance(guess, Transcript)
    assert (guess.text, guess.final, guess.start, guess.end) == ("what are", False, 0.3, 0.5)
    assert isinstance(stopped, SpeechStopped)
    assert stopped.at == 0.9
    assert stopped.noticed == pytest.approx(0.9)
    assert isinstance(final, Transcript)
    assert (final.text, final.final, final.start, final.end) == ("What are your hours?", True, 0.3, 0.9)


def test_each_utterance_starts_for_itself() -> None:
    assert [type(frame) for frame in call(2.0, script=SCRIPT)[4:]] == [SpeechStarted, SpeechStopped, Transcript]


def test_without_speech_there_are_only_transcripts() -> None:
    given = call(2.0, script=SCRIPT, speech=False)
    assert [frame.text for frame in given if isinstance(frame, Transcript)] == [
        "what are",
        "What are your hours?",
        "Thanks.",
    ]
    assert len(given) == 3


def test_it_goes_by_the_position_of_the_audio() -> None:
    made: Any = node_type(Script).configure({"script": SCRIPT, "speech": False})
    assert list(made.on_audio(Audio(bytes(640), at=0.46))) == []
    assert [frame.text for frame in made.on_audio(Audio(bytes(640), at=0.49))] == ["what are"]
    assert [frame.text for frame in made.on_audio(Audio(bytes(64_000), at=0.51))] == ["What are your hours?", "Thanks."]


@pytest.mark.parametrize(
    "script",
    [
        [{"at": "2s", "text": "a"}, {"at": "1s", "text": "b"}],
        [{"at": "2s", "text": "a"}, {"at": "3s", "text": "b", "since": "1s"}],
        [{"at": "1s", "text": "b", "since": "2s"}],
    ],
)
def test_a_script_that_goes_back_in_time_is_refused(script: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError, match="back in time"):
        node_type(Script).configure({"script": script})


def test_a_misspelt_key_is_told_at_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        node_type(Script).configure({"script": [{"at": "1s", "text": "a", "finl": False}]})
    assert caught.value.errors()[0]["loc"] == ("script", 0, "finl")
