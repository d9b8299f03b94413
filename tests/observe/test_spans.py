"""A call as spans: what is in them, and what must not be."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given

from tests.observe.timelines import ANSWER, QUESTION, plausible, timelines
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.observe.genai import models
from voicegraph.observe.spans import Span, Spans
from voicegraph.observe.timeline import Happened, Timeline, Turn

BEGAN = 1_795_000_000.0
PLAN = compile_plan(
    loads(
        """
nodes:
  line: {use: file.call, with: {input: in.wav, output: out.wav}}
  stt: {use: openai.stt, with: {base_url: "http://127.0.0.1:1/v1"}}
  aggregator: aggregator
  llm: {use: openai.chat, with: {model: gpt-4.1-mini, base_url: "http://127.0.0.1:1/v1"}}
  sentences: sentences
  tts: tone.tts
flow: line -> stt -> aggregator -> llm -> sentences -> tts -> line
""",
        ready=False,
    )
)


def spans(plan: Plan = PLAN, *, served: bool = True) -> Spans:
    return Spans("c0ffee", plan, BEGAN, served=served)


def answered(call: Timeline) -> Turn:
    """One that is heard to its end, with a fall-back in it."""
    return next(turn for turn in call.turns if turn.happened)


def every(span: Span) -> Iterator[Span]:
    yield span
    for child in span.children:
        yield from every(child)


def test_a_turn_has_a_child_for_each_node_that_worked_on_it() -> None:
    turn = answered(plausible())
    span = spans().turn(turn)
    assert (span.name, span.kind) == ("invoke_agent graph", "internal")
    assert [child.attributes["voicegraph.node"] for child in span.children][:3] == ["stt", "aggregator", "llm"]
    assert span.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert span.attributes["gen_ai.conversation.id"] == "c0ffee"
    assert span.attributes["voicegraph.turn.answer"] == turn.answer
    assert span.attributes["voicegraph.turn.end"] == "heard"
    assert turn.speech_end is not None
    assert span.start == min(BEGAN + turn.speech_end, BEGAN + turn.began)
    names = [event.name for event in span.events]
    assert names[-1] == "voicegraph.heard"
    assert {"voicegraph.pause_noticed", "voicegraph.first_token", "voicegraph.first_audio", "voicegraph.fallback"} <= {
        *names
    }


def test_the_shares_of_the_nodes_add_up_to_the_answer() -> None:
    turn = answered(plausible())
    shares = [child.attributes.get("voicegraph.answer.share", 0.0) for child in spans().turn(turn).children]
    assert sum(float(str(share)) for share in shares) == pytest.approx(turn.answer)


def test_what_hears_for_the_whole_call_has_a_span_where_it_took_time() -> None:
    turn = answered(plausible())
    turn = msgspec.structs.replace(turn, stages=tuple(stage for stage in turn.stages if stage.node != "stt"))
    (heard,) = (child for child in spans().turn(turn).children if child.attributes["voicegraph.node"] == "stt")
    (part,) = (part for part in turn.path if part.node == "stt")
    assert (heard.start, heard.end) == (BEGAN + part.start, BEGAN + part.end)


def test_a_model_is_told_of_by_the_conventions() -> None:
    turn = answered(plausible())
    found = {child.attributes["voicegraph.node"]: child for child in spans().turn(turn).children}
    llm = found["llm"]
    assert (llm.name, llm.kind) == ("chat gpt-4.1-mini", "client")
    assert llm.attributes["gen_ai.operation.name"] == "chat"
    assert llm.attributes["gen_ai.provider.name"] == "openai"
    assert llm.attributes["gen_ai.request.model"] == "gpt-4.1-mini"
    stage = next(stage for stage in turn.stages if stage.node == "llm")
    assert stage.first is not None
    assert stage.taken is not None
    assert llm.attributes["gen_ai.response.time_to_first_chunk"] == stage.first - stage.taken
    assert [(event.name, event.at) for event in llm.events] == [("voicegraph.first_output", BEGAN + stage.first)]
    voice = found["tts"]
    assert (voice.name, voice.kind) == ("text_to_speech", "internal"), "in this process, of no named model"
    assert voice.attributes["gen_ai.output.type"] == "speech"
    assert found["stt"].name == "speech_to_text gpt-4o-mini-transcribe"
    assert found["sentences"].name == "sentences"
    assert not [name for name in found["sentences"].attributes if name.startswith("gen_ai.request")]


def test_models_are_found_by_what_nodes_take_and_give() -> None:
    assert {name: model.operation for name, model in models(PLAN).items()} == {
        "stt": "speech_to_text",
        "llm": "chat",
        "tts": "text_to_speech",
    }


def test_how_turns_end() -> None:
    call = plausible()
    interrupted = next(turn for turn in call.turns if turn.interrupted)
    span = spans().turn(interrupted)
    assert span.attributes["voicegraph.turn.end"] == "interrupted"
    assert span.attributes["voicegraph.turn.barge_in"] == interrupted.barge_in
    assert "voicegraph.interrupted" in [event.name for event in span.events]
    void = Turn(turn=3, began=2.0, interrupted=2.5)
    assert spans().turn(void).attributes["voicegraph.turn.end"] == "void"


def test_a_fault_marks_its_node() -> None:
    turn = answered(plausible())
    turn = msgspec.structs.replace(turn, happened=(Happened(at=turn.began, node="llm", what="error"),))
    failed = {child.attributes["voicegraph.node"]: child.error for child in spans().turn(turn).children}
    assert failed["llm"] == "error"
    assert failed["tts"] is None


def test_a_turn_that_was_given_up_is_an_error() -> None:
    lost = Turn(turn=2, began=1.0, happened=(Happened(at=2.0, node="llm", what="give_up"),))
    span = spans().turn(lost)
    assert (span.error, span.attributes["voicegraph.turn.end"]) == ("give_up", "unheard")
    assert spans().turn(answered(plausible())).error is None


def test_a_call() -> None:
    call = plausible(4)
    span = spans().call(call.seconds, "failed", {"gen_ai.usage.input_tokens": 7}, failed=True)
    assert (span.name, span.kind, span.error) == ("call graph", "server", "failed")
    assert (span.start, span.end) == (BEGAN, BEGAN + call.seconds)
    assert span.attributes["voicegraph.call.end"] == "failed"
    assert span.attributes["gen_ai.usage.input_tokens"] == 7
    assert spans(served=False).call(call.seconds, "done", {}).kind == "internal"


def test_words_are_there_only_if_they_are_in_the_timeline() -> None:
    def text(*, words: bool) -> str:
        return msgspec.json.encode([spans().turn(turn) for turn in plausible(words=words).turns]).decode()

    assert QUESTION in text(words=True)
    assert ANSWER in text(words=True)
    assert QUESTION not in text(words=False)
    assert ANSWER not in text(words=False)
    asked = next(turn for turn in plausible(words=True).turns if turn.asked)
    (message,) = msgspec.json.decode(str(spans().turn(asked).attributes["gen_ai.input.messages"]))
    assert message == {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}


@given(timelines())
def test_of_any_call_no_span_ends_before_it_begins_or_outlives_its_turn(call: Timeline) -> None:
    for turn in call.turns:
        top = spans().turn(turn)
        for span in every(top):
            assert span.start <= span.end <= top.end
            for name, value in span.attributes.items():
                assert isinstance(value, str | bool | int | float), name
