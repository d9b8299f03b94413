"""The table of frames, against the frame classes of the pipecat that is installed."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames import frames as pc
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.transcriptions.language import Language

from voicegraph import frames as vg
from voicegraph.providers.pipecat_frames import (
    GIVEN,
    NOT_TAKEN,
    ROWS,
    TAKEN,
    calls_in,
    context_id,
    from_pipecat,
    to_pipecat,
    turn_of,
)

text = st.text(max_size=40)
pcm = st.binary(max_size=64).map(lambda sound: sound[: len(sound) // 2 * 2])
rates = st.sampled_from([8_000, 16_000, 24_000, 48_000])
AT = 7.5
"""Where the caller's sound is, in seconds."""

THERE_AND_BACK: dict[type[vg.Frame], st.SearchStrategy[vg.Frame]] = {
    vg.Audio: st.builds(vg.Audio, pcm, rate=rates, at=st.just(AT)),
    vg.SpeechStarted: st.just(vg.SpeechStarted(AT - 0.25, AT)),
    vg.SpeechStopped: st.just(vg.SpeechStopped(AT - 0.5, AT)),
    vg.Transcript: st.builds(vg.Transcript, text, final=st.booleans(), end=st.just(AT)),
    vg.EndOfTurn: st.just(vg.EndOfTurn(AT)),
    vg.Dtmf: st.sampled_from("0123456789*#").map(vg.Dtmf),
    vg.UserTurn: st.builds(
        vg.UserTurn,
        st.just("what now?"),
        st.just((vg.Message("system", "be kind"), vg.Message("assistant", "hello"), vg.Message("user", "what now?"))),
        speculative=st.booleans(),
    ),
    vg.Token: st.builds(vg.Token, text),
    vg.Sentence: st.builds(vg.Sentence, text),
    vg.TTSAudio: st.builds(vg.TTSAudio, pcm, rate=rates),
    vg.ToolCall: st.builds(vg.ToolCall, text, st.just("book"), st.just('{"day": "mon"}')),
    vg.ToolResult: st.builds(vg.ToolResult, text, text, failed=st.booleans()),
    vg.ReplyEnd: st.just(vg.ReplyEnd()),
    vg.End: st.just(vg.End()),
    vg.Interrupt: st.just(vg.Interrupt("pipecat")),
}


def crossing() -> st.SearchStrategy[vg.Frame]:
    return st.one_of(*THERE_AND_BACK.values())


def test_every_class_of_the_table_is_a_frame_of_the_installed_pipecat() -> None:
    for row in ROWS:
        assert row.theirs.__module__ == "pipecat.frames.frames"
        assert dataclasses.is_dataclass(row.theirs)
        assert getattr(pc, row.theirs.__name__) is row.theirs
        assert row.give or row.take
    assert len({row.theirs for row in ROWS}) == len(ROWS), "a frame of theirs has one meaning"


def test_all_of_our_frames_that_pipecat_knows_are_tried_here() -> None:
    assert set(GIVEN) == {*THERE_AND_BACK, vg.Error}


@given(frame=crossing())
def test_there_and_back_is_the_same_frame(frame: vg.Frame) -> None:
    theirs = to_pipecat(frame)
    assert theirs is not None
    assert type(theirs) in TAKEN
    back = from_pipecat(theirs, AT)
    assert back == frame


@given(frame=crossing(), interruptible=st.booleans())
def test_what_must_be_said_must_be_said_there(frame: vg.Frame, interruptible: bool) -> None:
    theirs = to_pipecat(msgspec.structs.replace(frame, interruptible=interruptible))
    fresh = to_pipecat(frame)
    assert theirs is not None
    assert fresh is not None
    assert theirs.interruptible == (fresh.interruptible and interruptible)


@given(turn=st.integers(0, 10**9))
def test_a_turn_is_a_context_there(turn: int) -> None:
    assert turn_of(context_id(turn)) == turn


@pytest.mark.parametrize("label", [None, "", "7", "5e0c7f4e-7f5e-4f0e-8b0a-1a2b3c4d5e6f", context_id(3) + "x"])
def test_other_contexts_are_no_turns(label: str | None) -> None:
    assert turn_of(label) is None


def test_sound_of_a_turn_has_its_label() -> None:
    theirs = to_pipecat(vg.TTSAudio(b"\0\0", 24_000, turn=3))
    assert isinstance(theirs, pc.TTSAudioRawFrame)
    assert turn_of(theirs.context_id) == 3


ONE_WAY: list[tuple[pc.Frame, vg.Frame]] = [
    (pc.UserStartedSpeakingFrame(), vg.SpeechStarted(AT, AT)),
    (pc.ProposedUserStartedSpeakingFrame(), vg.SpeechStarted(AT, AT)),
    (pc.UserStoppedSpeakingFrame(), vg.SpeechStopped(AT, AT)),
    (pc.EagerTranscriptionFrame("so", "", ""), vg.Transcript("so", final=False, end=AT)),
    (pc.TTSSpeakFrame("hello"), vg.Sentence("hello")),
    (pc.OutputAudioRawFrame(b"\1\0", 8_000, 1), vg.TTSAudio(b"\1\0", 8_000)),
    (pc.SpeechOutputAudioRawFrame(b"\1\0", 8_000, 1), vg.TTSAudio(b"\1\0", 8_000)),
    (pc.UserAudioRawFrame(b"\1\0", 8_000, 1), vg.Audio(b"\1\0", 8_000, AT)),
    (pc.ErrorFrame("it broke"), vg.Error(node="pipecat", message="it broke")),
    (pc.TranscriptionFrame("hi", "", "", Language.EN_US), vg.Transcript("hi", end=AT, language="en-US")),
]


@pytest.mark.parametrize(("theirs", "ours"), ONE_WAY, ids=lambda frame: type(frame).__name__)
def test_what_only_pipecat_says(theirs: pc.Frame, ours: vg.Frame) -> None:
    assert from_pipecat(theirs, AT) == ours


@pytest.mark.parametrize("theirs", [pc.TTSTextFrame("hi", "word"), pc.LLMFullResponseStartFrame(), pc.StartFrame()])
def test_what_has_no_counterpart_does_not_cross(theirs: pc.Frame) -> None:
    assert from_pipecat(theirs) is None


def test_frames_of_ours_without_a_counterpart_do_not_cross() -> None:
    others: list[vg.Frame] = [vg.Commit(), vg.Pause(), vg.Resume()]
    assert [to_pipecat(frame) for frame in others] == [None] * len(others)


def test_an_error_says_which_node() -> None:
    theirs = to_pipecat(vg.Error(node="tts", message="no sound"))
    assert isinstance(theirs, pc.ErrorFrame)
    assert theirs.error == "tts: no sound"


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="TTSAudioRawFrame with 2 channels"):
        from_pipecat(pc.TTSAudioRawFrame(b"\0\0\0\0", 24_000, 2))


def test_calls_of_one_answer() -> None:
    context: Any = LLMContext()
    calls = [pc.FunctionCallFromLLM("book", str(number), {"day": number}, context) for number in range(2)]
    made = calls_in(pc.FunctionCallsStartedFrame(calls))
    assert made == [vg.ToolCall("0", "book", '{"day": 0}'), vg.ToolCall("1", "book", '{"day": 1}')]


def test_a_frame_that_inherits_from_the_table_is_told_apart() -> None:
    """A new subclass in a new pipecat is taken as what it inherits from, unless it is named here."""
    inheriting = {
        kind.__name__
        for kind in vars(pc).values()
        if isinstance(kind, type) and issubclass(kind, tuple(TAKEN)) and kind not in TAKEN and kind not in NOT_TAKEN
    }
    assert inheriting == {
        "BotBackchannelFrame",
        "FatalErrorFrame",
        "SpeechOutputAudioRawFrame",
        "UserAudioRawFrame",
        "VisionFullResponseEndFrame",
        "VisionTextFrame",
    }
