"""Our frames and pipecat's: the one table that says which is which, both ways.

Whoever stands between the two engines translates with `to_pipecat` and `from_pipecat`. What the table has no row for
does not cross. A row's functions are pure: they know no turn and no call. Turn numbers cross as context ids
(`context_id`, `turn_of`), and the one thing about the caller's side that pipecat's frames do not tell, the position in
the call's audio, is the argument `at`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames as pc
from pipecat.processors.aggregators.llm_context import LLMContext, LLMContextMessage, standard_message_text
from pipecat.utils.text.base_text_aggregator import TextType
from pipecat.utils.time import time_now_iso8601

from voicegraph import frames as vg

USER = "caller"
"""`user_id` of what the caller says: a call has one caller."""
_CONTEXT = "voicegraph-turn-"


@dataclass(frozen=True)
class Row:
    """One type of ours and one of pipecat's that mean the same.

    give: makes theirs of ours; None: that way nothing crosses. take: makes ours of theirs, with the position in the
    call's audio in seconds.
    """

    ours: type[vg.Frame]
    theirs: type[pc.Frame]
    give: Callable[[Any], pc.Frame] | None = None
    take: Callable[[Any, float], vg.Frame] | None = None


def to_pipecat(frame: vg.Frame) -> pc.Frame | None:
    """The frame that pipecat has for it, or None if it has none."""
    row = GIVEN.get(type(frame))
    if row is None or row.give is None:
        return None
    made = row.give(frame)
    made.interruptible = made.interruptible and frame.interruptible
    return made


def from_pipecat(frame: pc.Frame, at: float = 0.0) -> vg.Frame | None:
    """The frame that we have for it, not stamped yet, or None if we have none.

    at: seconds since the call's audio began. Raises ValueError for sound that is not mono.
    """
    row = TAKEN.get(type(frame)) or next((TAKEN[base] for base in type(frame).__mro__ if base in TAKEN), None)
    if row is None or row.take is None or isinstance(frame, NOT_TAKEN):
        return None
    return row.take(frame, at)


def calls_in(frame: pc.FunctionCallsStartedFrame) -> list[vg.ToolCall]:
    """The functions that a language model asks for in one answer: a frame of theirs, several of ours."""
    return [
        vg.ToolCall(each.tool_call_id, each.function_name, json.dumps(dict(each.arguments), ensure_ascii=False))
        for each in frame.function_calls
    ]


def context_id(turn: int) -> str:
    """What pipecat is told of a turn, where a frame has a context id."""
    return f"{_CONTEXT}{turn}"


def turn_of(context: str | None) -> int | None:
    """The turn of a context id that `context_id` made; None for others, such as a service's own."""
    number = (context or "").removeprefix(_CONTEXT)
    return int(number) if number.isdecimal() and context != number else None


# --- sound ----------------------------------------------------------------------------------------------------------


def _give_audio(frame: vg.Audio) -> pc.Frame:
    return pc.InputAudioRawFrame(audio=frame.pcm, sample_rate=frame.rate, num_channels=1)


def _take_audio(frame: pc.InputAudioRawFrame, at: float) -> vg.Frame:
    return vg.Audio(_mono(frame), frame.sample_rate, at)


def _give_speech(frame: vg.TTSAudio) -> pc.Frame:
    return pc.TTSAudioRawFrame(
        audio=frame.pcm, sample_rate=frame.rate, num_channels=1, context_id=context_id(frame.turn)
    )


def _take_speech(frame: pc.OutputAudioRawFrame, _: float) -> vg.Frame:
    return vg.TTSAudio(_mono(frame), frame.sample_rate)


def _mono(frame: pc.AudioRawFrame) -> bytes:
    if frame.num_channels != 1:
        raise ValueError(f"{type(frame).__name__} with {frame.num_channels} channels: sound here is mono")
    return bytes(frame.audio)


# --- the caller -----------------------------------------------------------------------------------------------------


def _give_started(frame: vg.SpeechStarted) -> pc.Frame:
    return pc.VADUserStartedSpeakingFrame(start_secs=max(0.0, frame.noticed - frame.at))


def _give_stopped(frame: vg.SpeechStopped) -> pc.Frame:
    return pc.VADUserStoppedSpeakingFrame(stop_secs=max(0.0, frame.noticed - frame.at))


def _take_started(frame: pc.Frame, at: float) -> vg.Frame:
    return vg.SpeechStarted(max(0.0, at - getattr(frame, "start_secs", 0.0)), at)


def _take_stopped(frame: pc.Frame, at: float) -> vg.Frame:
    return vg.SpeechStopped(max(0.0, at - getattr(frame, "stop_secs", 0.0)), at)


def _give_transcript(frame: vg.Transcript) -> pc.Frame:
    kind = pc.TranscriptionFrame if frame.final else pc.InterimTranscriptionFrame
    return kind(frame.text, USER, time_now_iso8601())


def _take_final(frame: pc.TranscriptionFrame, at: float) -> vg.Frame:
    return vg.Transcript(frame.text, end=at, language=_language(frame.language))


def _take_partial(frame: pc.InterimTranscriptionFrame | pc.EagerTranscriptionFrame, at: float) -> vg.Frame:
    return vg.Transcript(frame.text, final=False, end=at, language=_language(frame.language))


def _language(language: object) -> str | None:
    return str(getattr(language, "value", language)) if language else None


def _give_key(frame: vg.Dtmf) -> pc.Frame:
    return pc.InputDTMFFrame(button=KeypadEntry(frame.digit))


def _take_key(frame: pc.InputDTMFFrame, _: float) -> vg.Frame:
    return vg.Dtmf(frame.button.value)


# --- the reply ------------------------------------------------------------------------------------------------------


def _give_turn(frame: vg.UserTurn) -> pc.Frame:
    messages = frame.messages or (vg.Message("user", frame.text),)
    context = LLMContext([cast(LLMContextMessage, {"role": m.role, "content": m.content}) for m in messages])
    return pc.LLMContextFrame(context, speculation=frame.speculative)


def _take_turn(frame: pc.LLMContextFrame, _: float) -> vg.Frame:
    standard = [cast(dict[str, Any], each) for each in frame.context.get_messages() if isinstance(each, dict)]
    messages = tuple(
        vg.Message("system" if each["role"] == "developer" else each["role"], text)
        for each in standard
        if (text := standard_message_text(cast(LLMContextMessage, each)))
    )
    said = next((message.content for message in reversed(messages) if message.role == "user"), "")
    return vg.UserTurn(said, messages, frame.speculation)


def _give_sentence(frame: vg.Sentence) -> pc.Frame:
    """Whole already: of its type a TTS service aggregates nothing."""
    return pc.AggregatedTextFrame(frame.text, TextType.SENTENCE, raw_text=frame.text)


def _give_call(frame: vg.ToolCall) -> pc.Frame:
    return pc.FunctionCallInProgressFrame(frame.name, frame.id, json.loads(frame.arguments or "{}"))


def _take_call(frame: pc.FunctionCallInProgressFrame, _: float) -> vg.Frame:
    return vg.ToolCall(frame.tool_call_id, frame.function_name, json.dumps(frame.arguments, ensure_ascii=False))


def _give_result(frame: vg.ToolResult) -> pc.Frame:
    return pc.FunctionCallResultFrame("", frame.id, {}, frame.content, error=frame.content if frame.failed else None)


def _take_result(frame: pc.FunctionCallResultFrame, _: float) -> vg.Frame:
    told = frame.error if frame.error is not None else frame.result
    content = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, default=str)
    return vg.ToolResult(frame.tool_call_id, content, frame.error is not None)


# --- the table ------------------------------------------------------------------------------------------------------

ROWS: tuple[Row, ...] = (
    # The caller. The first row of one of our types is the one by which it is given.
    Row(vg.Audio, pc.InputAudioRawFrame, _give_audio, _take_audio),
    Row(vg.SpeechStarted, pc.VADUserStartedSpeakingFrame, _give_started, _take_started),
    Row(vg.SpeechStarted, pc.UserStartedSpeakingFrame, None, _take_started),
    Row(vg.SpeechStarted, pc.ProposedUserStartedSpeakingFrame, None, _take_started),
    Row(vg.SpeechStopped, pc.VADUserStoppedSpeakingFrame, _give_stopped, _take_stopped),
    Row(vg.SpeechStopped, pc.UserStoppedSpeakingFrame, None, _take_stopped),
    Row(vg.Transcript, pc.TranscriptionFrame, _give_transcript, _take_final),
    Row(vg.Transcript, pc.InterimTranscriptionFrame, None, _take_partial),
    Row(vg.Transcript, pc.EagerTranscriptionFrame, None, _take_partial),
    Row(
        vg.EndOfTurn,
        pc.ProposedUserStoppedSpeakingFrame,
        lambda _: pc.ProposedUserStoppedSpeakingFrame(),
        lambda _, at: vg.EndOfTurn(at),
    ),
    Row(vg.Dtmf, pc.InputDTMFFrame, _give_key, _take_key),
    # The agent's reply.
    Row(vg.UserTurn, pc.LLMContextFrame, _give_turn, _take_turn),
    Row(
        vg.Token,
        pc.LLMTextFrame,
        lambda token: pc.LLMTextFrame(token.text),
        lambda text, _: vg.Token(text.text),
    ),
    Row(
        vg.Sentence,
        pc.AggregatedTextFrame,
        _give_sentence,
        lambda text, _: vg.Sentence(text.text),
    ),
    Row(vg.Sentence, pc.TTSSpeakFrame, None, lambda text, _: vg.Sentence(text.text)),
    Row(vg.TTSAudio, pc.TTSAudioRawFrame, _give_speech, _take_speech),
    Row(vg.TTSAudio, pc.OutputAudioRawFrame, None, _take_speech),
    Row(vg.ToolCall, pc.FunctionCallInProgressFrame, _give_call, _take_call),
    Row(vg.ToolResult, pc.FunctionCallResultFrame, _give_result, _take_result),
    # Control.
    Row(
        vg.Interrupt,
        pc.InterruptionFrame,
        lambda _: pc.InterruptionFrame(),
        lambda _, __: vg.Interrupt("pipecat"),
    ),
    Row(
        vg.ReplyEnd,
        pc.LLMFullResponseEndFrame,
        lambda _: pc.LLMFullResponseEndFrame(),
        lambda _, __: vg.ReplyEnd(),
    ),
    Row(vg.End, pc.EndFrame, lambda end: pc.EndFrame(), lambda _, __: vg.End()),
    Row(
        vg.Error,
        pc.ErrorFrame,
        lambda error: pc.ErrorFrame(f"{error.node}: {error.message}"),
        lambda error, _: vg.Error(str(error.processor or "pipecat"), error.error),
    ),
)

NOT_TAKEN: tuple[type[pc.Frame], ...] = (pc.TTSTextFrame,)
"""What inherits from a frame of the table and means something else: words as they are spoken, not to be spoken."""

GIVEN: dict[type[vg.Frame], Row] = {row.ours: row for row in reversed(ROWS) if row.give}
TAKEN: dict[type[pc.Frame], Row] = {row.theirs: row for row in ROWS if row.take}
