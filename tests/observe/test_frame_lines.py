"""Frames as lines: sound is summed up, and nobody's words are in them unless they may be."""

from __future__ import annotations

import math
from array import array
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.frames import (
    FRAME_TYPES,
    Audio,
    Dtmf,
    Error,
    Frame,
    Interrupt,
    Message,
    Recovery,
    Sentence,
    SpeechStarted,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.observe.frame_lines import SHOWN, SILENT, described, level

SECRET = "4111 1111 1111 1111"


def sine(peak: int, samples: int = 1_600) -> bytes:
    return array("h", (round(peak * math.sin(n / 5)) for n in range(samples))).tobytes()


@pytest.mark.parametrize(
    ("pcm", "dbfs"),
    [
        (b"", SILENT),
        (bytes(640), SILENT),
        (array("h", [-32_768] * 100).tobytes(), 0.0),
        (sine(32_767), -3.0),
        (sine(3_277), -23.0),
        (sine(3_277, 48_000), -23.0),
        (sine(3_277) + b"\x01", -23.0),
    ],
)
def test_levels(pcm: bytes, dbfs: float) -> None:
    assert level(pcm) == pytest.approx(dbfs, abs=0.1)


@given(st.binary(max_size=4_000))
def test_a_level_of_anything(pcm: bytes) -> None:
    assert SILENT <= level(pcm) <= 0.0


def test_sound() -> None:
    assert described(Audio(sine(3_277, 320), rate=16_000, at=1.5, born=2.0), 2.25, words=False) == {
        "type": "Audio",
        "age": 0.25,
        "bytes": 640,
        "rate": 16_000,
        "seconds": 0.02,
        "level": -23.0,
        "position": 1.5,
    }
    assert described(TTSAudio(bytes(96), rate=24_000, turn=3, text=SECRET), 0.0, words=False) == {
        "type": "TTSAudio",
        "turn": 3,
        "bytes": 96,
        "rate": 24_000,
        "seconds": 0.002,
        "level": SILENT,
        "characters": len(SECRET),
    }


def test_what_is_no_word_is_shown() -> None:
    assert described(SpeechStarted(at=1.0, noticed=1.25), 0.0, words=False) == {
        "type": "SpeechStarted",
        "at": 1.0,
        "noticed": 1.25,
    }
    called = described(ToolCall(id="7", name="book", arguments=f'{{"card": "{SECRET}"}}'), 0.0, words=False)
    assert (called["id"], called["name"], "arguments" in called) == ("7", "book", False)
    told = described(Recovery(node="tts", step="fallback", to=SECRET, why="timeout", turn=2), 0.0, words=False)
    assert (told["node"], told["step"], told["why"], "to" in told) == ("tts", "fallback", "timeout", False)


def test_words_for_who_may_see_them() -> None:
    turn = UserTurn(text=SECRET, messages=(Message("user", SECRET),), turn=1)
    shown = described(turn, 0.0, words=True)
    assert (shown["text"], shown["messages"]) == (SECRET, ({"role": "user", "content": SECRET},))
    assert described(Dtmf("4"), 0.0, words=True)["digit"] == "4"


SPOKEN = (
    Transcript(SECRET, language="en"),
    UserTurn(text=SECRET, messages=(Message("user", SECRET),)),
    Token(SECRET),
    Sentence(SECRET),
    TTSAudio(bytes(2), text=SECRET),
    ToolCall(id="7", name="book", arguments=SECRET),
    ToolResult(id="7", content=SECRET),
    Dtmf(SECRET),
    Error(node="stt", message=SECRET),
    Recovery(node="tts", step="say", to=SECRET),
    Interrupt(reason=SECRET),
)
"""A frame of each type that can hold words."""


@pytest.mark.parametrize("frame", SPOKEN, ids=lambda frame: type(frame).__name__)
def test_words_are_counted_and_not_shown(frame: Frame) -> None:
    hidden = described(frame, 0.0, words=False)
    assert SECRET not in msgspec.json.encode(hidden).decode()
    assert hidden["characters"] == len(SECRET)
    assert SECRET in msgspec.json.encode(described(frame, 0.0, words=True)).decode()


def test_no_frame_with_words_is_forgotten() -> None:
    def holds_text(kind: type[Frame]) -> bool:
        return any(str in _types(field.type) for field in msgspec.structs.fields(kind) if field.name not in SHOWN)

    assert {kind for kind in FRAME_TYPES.values() if holds_text(kind)} == {type(frame) for frame in SPOKEN}


def _types(annotation: Any) -> tuple[Any, ...]:
    """Of a union its parts."""
    return get_args(annotation) or (annotation,)
