"""A graph as one processor of a pipecat pipeline, run by pipecat's own runner."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipecat.frames import frames as pc
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair

from tests.pipecat_pipelines.graphs import LET_GO, MAY_WARM, RATE, WARMS, brain, plan, speaker
from tests.pipecat_pipelines.pipelines import DOWN, Beeps, End, Running, Speaker, heard, running
from voicegraph.engine.session import Session
from voicegraph.errors import VoicegraphError
from voicegraph.graph import GraphError, Plan
from voicegraph.pipecat import GraphProcessor
from voicegraph.providers.pipecat_frames import turn_of
from voicegraph.testing.virtual import run_virtual


def texts(pipe: Running, kind: type[pc.TextFrame] = pc.AggregatedTextFrame) -> list[str]:
    return [frame.text for frame in pipe.back.of(kind)]


def sound(pipe: Running) -> float:
    """Seconds of it that have come out."""
    return sum(len(frame.audio) for frame in pipe.back.of(pc.TTSAudioRawFrame)) / (2 * RATE)


def spoken(processor: GraphProcessor) -> list[str]:
    """What is heard of each reply, by the ledger."""
    assert processor.session is not None
    return [reply.heard for reply in processor.session.replies()]


# --- what goes in and comes out -------------------------------------------------------------------------------------


def test_a_brain_between_the_ears_and_the_voice_of_the_pipeline() -> None:
    async def main() -> None:
        async with running(GraphProcessor(brain())) as pipe:
            await pipe.say(heard("Hello there."))
            await pipe.until(pc.LLMFullResponseEndFrame)
            kinds = [type(frame).__name__ for frame in pipe.back.frames[1:]]
            assert kinds == [
                "LLMFullResponseStartFrame", "AggregatedTextFrame", "AggregatedTextFrame", "LLMFullResponseEndFrame",
            ]  # fmt: skip
            assert texts(pipe) == ["Hello there.", "0."]
            assert not pipe.back.of(pc.TranscriptionFrame), "the graph has taken it"

    asyncio.run(main())


def test_a_whole_graph_with_sound_in_and_sound_out() -> None:
    whole = plan(
        "ears: seam.ears; asks: seam.asks; llm: seam.brain; sentences: sentences; tts: seam.voice",
        "pipeline -> ears -> asks -> llm -> sentences -> tts -> pipeline",
    )

    async def main() -> None:
        async with running(GraphProcessor(whole)) as pipe:
            await pipe.say(*(pc.InputAudioRawFrame(bytes(640), RATE, 1) for _ in range(2)))
            await pipe.until(pc.LLMFullResponseEndFrame, 2)
            assert len(pipe.back.of(pc.InputAudioRawFrame)) == 2, "system frames pass on"
            first = [type(frame).__name__ for frame in pipe.back.frames if not isinstance(frame, pc.SystemFrame)][:5]
            assert first == [
                "LLMFullResponseStartFrame", "TTSStartedFrame", "TTSAudioRawFrame", "TTSTextFrame", "TTSAudioRawFrame",
            ]  # fmt: skip
            assert " ".join(texts(pipe, pc.TTSTextFrame)) == "640 bytes at 0.00 0. 640 bytes at 0.02 0."
            assert sound(pipe) == pytest.approx(1.0)
            assert {turn_of(frame.context_id) for frame in pipe.back.of(pc.TTSAudioRawFrame)} == {1, 2}

    asyncio.run(main())


def test_the_graph_answers_contexts_in_the_place_of_a_language_model() -> None:
    llm = plan(
        "llm: seam.brain; sentences: sentences; tts: pipecat.tts", "pipeline -> llm -> sentences -> tts -> pipeline"
    )

    async def main() -> None:
        async with running(GraphProcessor(llm)) as pipe:
            await pipe.say(pc.LLMContextFrame(LLMContext([{"role": "user", "content": "What is it?"}])))
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert texts(pipe) == ["What is it?", "0."]
            await pipe.say(pc.LLMContextFrame(LLMContext([]), speculation=True))
            await pipe.front.until(lambda: pipe.front.of(pc.ErrorFrame))
            assert "speculate" in pipe.front.of(pc.ErrorFrame)[0].error

    asyncio.run(main())


def test_the_graph_is_a_voice_for_the_language_model_of_the_pipeline() -> None:
    voice = plan(
        "llm: pipecat.llm; sentences: sentences; tts: seam.voice", "pipeline -> llm -> sentences -> tts -> pipeline"
    )

    async def main() -> None:
        async with running(GraphProcessor(voice)) as pipe:
            for words in ("One. ", "Two."):
                await pipe.say(pc.LLMFullResponseStartFrame(), pc.LLMTextFrame(words), pc.LLMFullResponseEndFrame())
            await pipe.until(pc.TTSStoppedFrame, 2)
            assert texts(pipe, pc.TTSTextFrame) == ["One.", "Two."]
            assert not pipe.back.of(pc.LLMTextFrame), "the graph has taken it"
            await pipe.say(pc.LLMContextFrame(LLMContext()))
            await pipe.until(pc.LLMContextFrame)
            await pipe.say(pc.LLMFullResponseStartFrame(), pc.LLMTextFrame("Three. Or"))
            await pipe.until(pc.TTSStartedFrame, 3)
            await pipe.say(pc.InterruptionFrame())
            await pipe.until(pc.InterruptionFrame)
            await pipe.say(pc.LLMTextFrame(" more."), pc.LLMFullResponseEndFrame())  # too late
            await pipe.say(pc.LLMFullResponseStartFrame(), pc.LLMTextFrame("Four."), pc.LLMFullResponseEndFrame())
            await pipe.until(pc.TTSStoppedFrame, 3)
            assert texts(pipe, pc.TTSTextFrame) == ["One.", "Two.", "Four."]

    asyncio.run(main())


def test_the_graph_is_the_ears_of_the_pipeline() -> None:
    async def main() -> None:
        ears = plan("ears: seam.ears; user: pipecat.user", "pipeline -> ears -> user")
        async with running(GraphProcessor(ears)) as pipe:
            await pipe.say(pc.InputAudioRawFrame(bytes(640), RATE, 1))
            await pipe.until(pc.TranscriptionFrame)
            assert texts(pipe, pc.TranscriptionFrame) == ["640 bytes at 0.00"]
            await pipe.say(pc.EndFrame())
            await pipe.until(pc.EndFrame)

    asyncio.run(main())


def test_what_the_graph_does_not_take_passes_in_order() -> None:
    def others() -> list[pc.Frame]:
        return [pc.TextFrame("a"), pc.LLMRunFrame(), pc.TextFrame("b"), pc.TTSSpeakFrame("c"), pc.LLMTextFrame("d")]

    async def main() -> None:
        async with running(GraphProcessor(brain())) as pipe:
            sent = others()
            await pipe.say(*sent)
            await pipe.until(pc.LLMTextFrame)
            assert pipe.back.frames[1:] == sent

    asyncio.run(main())


def test_the_pipeline_can_have_something_said_by_the_graphs_voice() -> None:
    async def main() -> None:
        async with running(GraphProcessor(speaker())) as pipe:
            await pipe.say(pc.TTSSpeakFrame("Good morning."))
            await pipe.until(pc.TTSStoppedFrame)
            assert texts(pipe, pc.TTSTextFrame) == ["Good", "morning."]

    asyncio.run(main())


def test_the_pipeline_takes_the_place_of_another_line(tmp_path: Path) -> None:
    file = tmp_path / "phone.yaml"
    file.write_text(
        "nodes: {line: {use: twilio.call, with: {unsigned: true}}, ears: seam.ears, asks: seam.asks, llm: seam.brain, "
        "sentences: sentences, tts: tone.tts}\nflow: line -> ears -> asks -> llm -> sentences -> tts -> line\n"
    )

    async def main() -> None:
        async with running(GraphProcessor(file, ["nodes.line.with.greeting=Good morning."])) as pipe:
            await pipe.say(pc.InputAudioRawFrame(bytes(640), RATE, 1))
            await pipe.until(pc.TTSStoppedFrame, 2)
            assert texts(pipe, pc.TTSTextFrame)[:3] == ["Good", "morning.", "640"]

    asyncio.run(main())


def test_graphs_that_cannot_be_a_part_of_a_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("nodes: {ears: script.stt, say: seam.asks}\nflow: ears -> say\n")
    with pytest.raises(GraphError):
        GraphProcessor(file)
    file.write_text(f"nodes: {{beep: {{use: {'seam.beat'}}}, ears: seam.ears}}\nflow: beep -> ears\n")
    with pytest.raises(VoicegraphError, match="stands for the pipeline: wire a node"):
        GraphProcessor(file)


def test_what_is_to_be_said_passes_a_graph_that_has_no_voice() -> None:
    async def main() -> None:
        ears = plan("ears: seam.ears; user: pipecat.user", "pipeline -> ears -> user")
        async with running(GraphProcessor(ears)) as pipe:
            await pipe.say(pc.TTSSpeakFrame("Good morning."))
            await pipe.until(pc.TTSSpeakFrame)

    asyncio.run(main())


def test_sound_that_cannot_be_taken_is_told_once_and_passes() -> None:
    async def main() -> None:
        ears = plan("ears: seam.ears; user: pipecat.user", "pipeline -> ears -> user")
        async with running(GraphProcessor(ears)) as pipe:
            await pipe.say(*(pc.InputAudioRawFrame(bytes(640), RATE, 2) for _ in range(3)))
            await pipe.until(pc.InputAudioRawFrame, 3)
            await pipe.front.until(lambda: pipe.front.of(pc.ErrorFrame))
            assert ["2 channels" in frame.error for frame in pipe.front.of(pc.ErrorFrame)] == [True]

    asyncio.run(main())


def test_such_a_graph_runs_nowhere_else() -> None:
    with pytest.raises(VoicegraphError, match=r"put a voicegraph\.pipecat\.GraphProcessor"):
        run_virtual(Session(speaker()).run())


def test_without_pipecat_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipecat", None)
    monkeypatch.delitem(sys.modules, "voicegraph.pipecat")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "voicegraph\[pipecat\]"'):
        importlib.import_module("voicegraph.pipecat")


# --- interruptions --------------------------------------------------------------------------------------------------


def stale(end: End) -> list[pc.Frame]:
    """What came out behind an interruption and belongs to a turn before it."""
    found: list[pc.Frame] = []
    newest = over = 0
    for frame in end.frames:
        turn = turn_of(getattr(frame, "context_id", None)) or 0
        if isinstance(frame, pc.InterruptionFrame):
            over = newest
        elif turn and turn <= over:
            found.append(frame)
        newest = max(newest, turn)
    return found


def test_an_interruption_of_the_pipeline_ends_the_reply_and_nothing_of_it_comes_later() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker(times=50))
        output = Speaker()
        output.on.clear()
        async with running(processor, output) as pipe:
            await pipe.say(heard("go on"))
            await pipe.front.until(lambda: pipe.front.of(pc.BotStartedSpeakingFrame))
            await pipe.say(pc.InterruptionFrame())
            output.on.set()
            await pipe.until(pc.InterruptionFrame)
            await pipe.say(heard("anew"))
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert stale(pipe.back) == []
            assert {turn_of(frame.context_id) for frame in pipe.back.of(pc.TTSStoppedFrame)} == {2}
            assert len(pipe.back.of(pc.InterruptionFrame)) == 1, "it is not told again"
            assert not pipe.front.of(pc.InterruptionFrame)

    asyncio.run(main())


def test_an_interrupt_of_the_graph_is_told_both_ways_and_stands_before_the_next_reply() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker(times=50))
        output = Speaker()
        output.on.clear()
        async with running(processor, output) as pipe:
            await pipe.say(heard("go on"))
            await pipe.front.until(lambda: pipe.front.of(pc.BotStartedSpeakingFrame))
            await pipe.say(heard("stop it"))
            await pipe.front.until(lambda: pipe.front.of(pc.InterruptionFrame))
            output.on.set()
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert len(pipe.back.of(pc.InterruptionFrame)) == 1
            assert stale(pipe.back) == []
            first, second = spoken(processor)
            assert first == "", "the loudspeaker stood still"
            assert second.startswith("stop it 0. stop it 1.")

    asyncio.run(main())


def test_what_must_be_said_to_its_end_outlives_an_interruption() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker())
        output = Speaker()
        output.on.clear()
        async with running(processor, output) as pipe:
            notice = pc.TTSSpeakFrame("This call is recorded for your safety.")
            notice.interruptible = False
            await pipe.say(notice)
            await pipe.front.until(lambda: pipe.front.of(pc.BotStartedSpeakingFrame))
            await pipe.say(pc.InterruptionFrame())
            await pipe.until(pc.InterruptionFrame)
            output.on.set()
            await pipe.until(pc.TTSStoppedFrame)
            assert processor.session is not None
            assert processor.session.reply(1).heard_seconds == pytest.approx(0.7)
            assert sum(map(len, output.played)) >= 2 * RATE * 0.7

    asyncio.run(main())


def test_a_pause_holds_back_what_the_pipeline_has_not() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker(times=5))
        async with running(processor) as pipe:
            await pipe.say(heard("pause"), heard("a b"))
            await pipe.say(pc.TextFrame("passes"))
            await pipe.until(pc.TextFrame)
            for _ in range(300):
                await asyncio.sleep(0)
            assert sound(pipe) <= 0.1, "what was on its way"
            await pipe.say(heard("resume"))
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert len(spoken(processor)[0].split()) == 15

    asyncio.run(main())


def test_interrupted_while_nodes_are_entered() -> None:
    async def main() -> None:
        slow = plan("slow: {use: seam.slow, with: {entering: true}}", "pipeline -> slow")
        async with running(GraphProcessor(slow)) as pipe:
            await pipe.say(pc.InterruptionFrame())
            await pipe.until(pc.InterruptionFrame)
            await pipe.say(heard("hello"), pc.TextFrame("passes"))
            await pipe.until(pc.TextFrame)

    asyncio.run(main())


@settings(deadline=None, max_examples=40)
@given(steps=st.lists(st.tuples(st.sampled_from(["say", "stop", "theirs", "up"]), st.integers(0, 60)), max_size=8))
def test_whenever_it_is_interrupted_nothing_stale_comes_out(steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        processor, behind = GraphProcessor(speaker(times=5)), End(DOWN)
        async with running(processor, behind, Speaker()) as pipe:
            for what, pause in steps:
                if what == "theirs":
                    await pipe.say(pc.InterruptionFrame())
                elif what == "up":
                    await pipe.interrupt_from_behind()
                else:
                    await pipe.say(heard(what))
                for _ in range(pause):
                    await asyncio.sleep(0)
            await pipe.say(heard("stop now"))
            await pipe.say(pc.EndFrame())
            await pipe.until(pc.EndFrame)
            assert stale(behind) == []
            assert spoken(processor)[-1] == "stop now 0. stop now 1. stop now 2. stop now 3. stop now 4."

    asyncio.run(main())


# --- what is heard --------------------------------------------------------------------------------------------------


def test_the_ledger_goes_by_what_the_output_plays_and_so_does_the_pace() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker(times=20))
        output = Speaker()
        output.on.clear()
        async with running(processor, output) as pipe:
            await pipe.say(heard("a b c"))
            await pipe.front.until(lambda: pipe.front.of(pc.BotStartedSpeakingFrame))
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert processor.session is not None
            queued = processor.session.reply(1).seconds
            assert queued <= 0.4 + 2.5, "the lead, and what the engine's queues hold"
            assert spoken(processor) == [""]
            output.on.set()
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert len(spoken(processor)[0].split()) == 80
            assert processor.session.reply(1).over

    asyncio.run(main())


def test_the_ledger_goes_by_the_words_that_the_voice_of_the_pipeline_has_spoken() -> None:
    async def main() -> None:
        processor = GraphProcessor(brain(times=3))
        voice, output = Beeps(), Speaker()
        output.on.clear()
        async with running(processor, voice, output) as pipe:
            await pipe.say(heard("Hello there."))
            await pipe.front.until(lambda: pipe.front.of(pc.BotStartedSpeakingFrame))
            assert processor.session is not None
            assert spoken(processor) == [""]
            assert processor.session.speaking()
            output.on.set()
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert spoken(processor) == ["Hello there. 0. Hello there. 1. Hello there. 2."]
            assert not processor.session.speaking()
            output.only = len(output.played) + 8  # the first sentence, and a part of the second
            await pipe.say(heard("Hello again."))
            await pipe.until(pc.TTSTextFrame, 5)
            await pipe.say(pc.InterruptionFrame())
            await pipe.until(pc.InterruptionFrame)
            assert spoken(processor)[1] == "Hello again."
            assert processor.session.reply(2).interrupted

    asyncio.run(main())


def test_without_an_output_what_is_handed_on_counts_as_heard() -> None:
    async def main() -> None:
        processor = GraphProcessor(speaker())
        async with running(processor) as pipe:
            await pipe.say(heard("a b"))
            await pipe.until(pc.LLMFullResponseEndFrame)
            assert spoken(processor) == ["a b 0."]

    asyncio.run(main())


@pytest.mark.parametrize("graph", [speaker, brain])
def test_the_assistant_aggregator_of_the_pipeline_hears_of_it_too(graph: Callable[[], Plan]) -> None:
    async def main() -> None:
        context = LLMContext()
        voice = [Beeps()] if graph is brain else []
        assistant = LLMContextAggregatorPair(context).assistant()
        output = Speaker()
        async with running(GraphProcessor(graph()), *voice, output, assistant) as pipe:
            await pipe.say(heard("a b"), pc.EndFrame())
            await pipe.until(pc.EndFrame)
            assert context.get_messages() == [{"role": "assistant", "content": "a b 0."}]

    asyncio.run(main())


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_what_the_graph_has_to_say_comes_before_the_end() -> None:
    async def main() -> None:
        async with running(GraphProcessor(speaker(times=20)), Speaker()) as pipe:
            await pipe.say(heard("a b c"), pc.EndFrame())
            await pipe.until(pc.EndFrame)
            assert len(pipe.back.of(pc.TTSTextFrame)) == 80
            assert isinstance(pipe.back.frames[-1], pc.EndFrame)

    asyncio.run(main())


def test_a_graph_that_hangs_up_ends_the_pipeline() -> None:
    async def main() -> None:
        parrot = plan("say: seam.parrot; tts: seam.voice", "pipeline -> say -> tts -> pipeline")
        async with running(GraphProcessor(parrot)) as pipe:
            await pipe.say(heard("goodbye"))
            await pipe.until(pc.EndFrame)
            assert texts(pipe, pc.TTSTextFrame) == ["goodbye"]
            assert pipe.front.of(pc.EndWorkerFrame)

    asyncio.run(main())


def test_a_graph_that_cannot_begin_is_an_error_and_the_pipeline_goes_on() -> None:
    async def main() -> None:
        processor = GraphProcessor(plan("broken: seam.broken", "pipeline -> broken"))
        async with running(processor) as pipe:
            await pipe.front.until(lambda: pipe.front.of(pc.ErrorFrame))
            error = pipe.front.of(pc.ErrorFrame)[0]
            assert error.error == "acme: the key is refused"
            assert error.processor is processor
            assert not processor.is_usable
            await pipe.say(heard("hello"), pc.InterruptionFrame())
            await pipe.until(pc.TranscriptionFrame)
            await pipe.say(pc.EndFrame())
            await pipe.until(pc.EndFrame)

    asyncio.run(main())


def test_a_fault_of_a_node_is_told_without_what_the_caller_said_and_the_call_goes_on() -> None:
    async def main() -> None:
        processor = GraphProcessor(brain())
        async with running(processor) as pipe:
            await pipe.say(heard("boom secret"), heard("hello"))
            await pipe.until(pc.LLMFullResponseEndFrame)
            await pipe.front.until(lambda: pipe.front.of(pc.ErrorFrame))
            assert [frame.error for frame in pipe.front.of(pc.ErrorFrame)] == ["asks: RuntimeError"]
            assert processor.is_usable

    asyncio.run(main())


def test_cancelled_while_it_loads() -> None:
    async def main() -> None:
        WARMS.clear()
        MAY_WARM.clear()
        try:
            processor = GraphProcessor(plan("slow: seam.slow", "pipeline -> slow"))
            async with running(processor, begin=False) as pipe:
                await asyncio.to_thread(WARMS.wait, 20)
                await pipe.worker.cancel()
            assert processor.session is None
        finally:
            MAY_WARM.set()

    asyncio.run(main())


@pytest.mark.parametrize("started", [True, False])
def test_cancelled_while_its_nodes_are_entered(started: bool) -> None:
    """started: the whole pipeline has, so that it is told by a CancelFrame; else it is just taken down."""
    LET_GO.clear()

    async def main() -> None:
        slow = plan("slow: {use: seam.slow, with: {entering: true}}", "pipeline -> slow")
        async with running(GraphProcessor(slow)) as pipe:
            await pipe.say(*([heard("hello"), pc.TextFrame("passes")] if started else []))
            if started:
                await pipe.until(pc.TextFrame)
            await pipe.worker.cancel()
        assert LET_GO == ["entering"]
        assert bool(pipe.back.of(pc.CancelFrame)) == started

    asyncio.run(main())
