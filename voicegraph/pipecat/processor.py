"""A voicegraph graph as one processor of a pipecat pipeline."""

# pyright: reportUnknownMemberType=false
# pipecat leaves out type arguments, and `**kwargs` of its methods have no types.

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipecat.frames import frames as pc
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.utils.errors import ErrorCategory

from voicegraph.engine.observers import Observer
from voicegraph.engine.session import Session, warm
from voicegraph.errors import CallFailed, VoicegraphError
from voicegraph.frames import CallerFrame, Error, Frame, Interrupt, Sentence, TTSAudio, UserTurn
from voicegraph.graph.plan import Plan
from voicegraph.pipecat.way_out import WayOut
from voicegraph.providers.pipecat_frames import from_pipecat
from voicegraph.providers.pipecat_seam import Words
from voicegraph.transports.pipecat_pipeline import PipecatPipeline

LINE = "pipecat.pipeline"
LETS_GO = 2.0
"""Seconds that a call may take to end once the pipeline is cancelled."""
BY_VAD = (pc.VADUserStartedSpeakingFrame, pc.VADUserStoppedSpeakingFrame)
BY_TURN = (pc.UserStartedSpeakingFrame, pc.UserStoppedSpeakingFrame, pc.ProposedUserStartedSpeakingFrame)
"""What tells of the same speech once more, where there is a VAD."""

Handle = Callable[[Any, FrameDirection], Awaitable[None]]


def plan_for(graph: str | Path | Plan, sets: Sequence[str] = ()) -> Plan:
    """The plan of a graph as a part of a pipeline, which takes the place of its line. Raises VoicegraphError."""
    from voicegraph.graph import compile_plan, load
    from voicegraph.graph.line import find_line

    if isinstance(graph, Plan):
        plan = graph
    else:
        line = find_line(graph, sets)
        instead = [f"nodes.{line.name}.use={LINE}"] if line and line.use != LINE else []
        plan = compile_plan(load(graph, [*instead, *sets]))
    if plan.line is None or plan.nodes[plan.line].kind.name != LINE:
        raise VoicegraphError(f"{plan.name} has no line that stands for the pipeline: wire a node `use: {LINE}`")
    return plan


class GraphProcessor(FrameProcessor):
    """Runs a graph as a part of a pipeline: one call, from its StartFrame to its EndFrame.

        Pipeline([transport.input(), stt, GraphProcessor("brain.yaml"), tts, transport.output()])

    What the graph's line (`pipecat.pipeline`) is wired to take comes from the pipeline, and what is wired to the line
    goes on down it. System frames pass on whether the graph takes them or not; of others those that it takes stay here.
    Everything else passes. When the graph hangs up, the pipeline is ended.

    graph: a file, or a plan. The pipeline takes the place of a line of another type. sets: changes such as
    `nodes.llm.with.model=small`. variables: the call's. Raises GraphError for a graph that is wrong.
    """

    def __init__(
        self,
        graph: str | Path | Plan,
        sets: Sequence[str] = (),
        *,
        variables: Mapping[str, str] | None = None,
        observers: tuple[Observer, ...] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.plan = plan_for(graph, sets)
        self.session: Session | None = None
        assert self.plan.line is not None
        self._takes = {edge.frame for edge in self.plan.edges if edge.giver == self.plan.line}
        types = {node.kind.name for node in self.plan.nodes.values()}
        self._takes_text = "pipecat.llm" in types
        if self._takes_text:
            self._takes.discard(UserTurn)  # a turn begins with a reply of that model
        self._gives_text = "pipecat.tts" in types
        gives_voice = any(edge.taker == self.plan.line and edge.frame is TTSAudio for edge in self.plan.edges)
        self._speaks = gives_voice and not self._gives_text
        self._variables = dict(variables or {})
        self._observers = observers
        self._ready = self._ending = self._has_vad = False
        self._seconds = 0.0  # of the caller's sound
        self._complaints: set[str] = set()
        self._words: Words | None = None  # of the reply that comes from in front
        self._tasks: list[asyncio.Task[None]] = []
        self._handlers: dict[type[pc.Frame], Handle] = {
            pc.StartFrame: self._on_start,
            pc.EndFrame: self._on_end,
            pc.CancelFrame: self._on_cancel,
            pc.InterruptionFrame: self._on_interruption,
        }

    # --- its life ----------------------------------------------------------------------------------------------------

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor has it
        """Loads what calls share, while other processors connect."""
        await super().setup(setup)
        await warm(self.plan)
        self._ready = True

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()  # type: ignore[no-untyped-call]

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if (handle := self._handlers.get(type(frame))) is not None:
            await handle(frame, direction)
        elif direction is FrameDirection.UPSTREAM or not self._take(frame) or isinstance(frame, pc.SystemFrame):
            await self.push_frame(frame, direction)

    async def _on_start(self, frame: pc.StartFrame, direction: FrameDirection) -> None:
        """The graph begins when all behind it have."""
        await self.push_frame(frame, direction)
        if not self._ready or self._tasks:
            return
        self.session = session = Session(self.plan, call_id=self.name, observers=(*self._observers, _Errors(self)))
        session.variables.update(self._variables)
        outputs = [*_outputs(self.pipeline_worker.pipeline.processors)]
        self._out = WayOut(
            session.played,
            self.push_frame,
            self._tell_of_interrupt,
            lead=self._line.lead,
            told=bool(outputs),
            text=self._gives_text,
        )
        for output in outputs:
            output.add_event_handler("on_after_push_frame", self._on_pushed)
        self._line.join(self._out)
        self._tasks = [self.create_task(self._run(session)), self.create_task(self._out.run())]

    async def _on_end(self, frame: pc.EndFrame, direction: FrameDirection) -> None:
        """What the graph still has to say is said first."""
        if self._is_on():
            self._ending = True
            self._out.hurry()
            self._line.inbound.end()
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        await self._stop()
        await self.push_frame(frame, direction)

    async def _on_cancel(self, frame: pc.CancelFrame, direction: FrameDirection) -> None:
        await self._stop()
        await self.push_frame(frame, direction)

    async def _run(self, session: Session) -> None:
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - told to the pipeline, whose business it is
            await self.push_error(_told(error), exception=error, force_treat_as_permanent=True)
            self._ending = True
        await self._out.drain()
        if not self._ending:
            await self.push_frame(pc.EndWorkerFrame(), FrameDirection.UPSTREAM)

    async def _stop(self) -> None:
        """Ends the call, wherever it is."""
        self._ending = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            await self.cancel_task(task, LETS_GO)

    def _is_on(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def _line(self) -> PipecatPipeline:
        assert self.session is not None
        line = self.session.line
        assert isinstance(line, PipecatPipeline)
        return line

    # --- what comes down the pipeline --------------------------------------------------------------------------------

    def _take(self, frame: pc.Frame) -> bool:
        """Gives the graph what it takes. Returns whether it does."""
        at = self._seconds
        if isinstance(frame, pc.InputAudioRawFrame):
            self._seconds += len(frame.audio) / (2 * frame.num_channels * frame.sample_rate)
        if not self._is_on():
            return False
        if self._takes_text and isinstance(frame, _TEXT):
            return self._take_text(frame)
        self._has_vad |= isinstance(frame, BY_VAD)
        if self._has_vad and isinstance(frame, BY_TURN):
            return False
        try:
            made = from_pipecat(frame, at)
        except ValueError as error:  # such as sound in stereo
            self._complain(str(error))
            return False
        if isinstance(made, Sentence) and isinstance(frame, pc.TTSSpeakFrame) and self._speaks:
            assert self.session is not None
            self.session.say(made.text, interruptible=frame.interruptible)
            return True
        if type(made) not in self._takes or not isinstance(made, CallerFrame | UserTurn):
            return False
        if isinstance(made, UserTurn) and made.speculative:
            raise VoicegraphError(
                "a reply to an eager end of turn cannot be taken back here: let the graph's own aggregator "
                "`speculate`, or use no eager strategy"
            )
        self._line.inbound.put(made)
        return True

    def _take_text(self, frame: pc.Frame) -> bool:
        """Of a language model in front of the graph. What comes of a reply that was interrupted is for nobody."""
        if isinstance(frame, pc.LLMFullResponseStartFrame):
            self._words = self._line.inbound.begin_reply()
        elif self._words is not None:
            is_end = isinstance(frame, pc.LLMFullResponseEndFrame)
            self._words.put_nowait(None if is_end else getattr(frame, "text", ""))
            self._words = None if is_end else self._words
        return True

    async def _on_interruption(self, frame: pc.InterruptionFrame, direction: FrameDirection) -> None:
        """The pipeline's interrupt is the graph's: from this step on nothing of a reply in progress goes out."""
        self._words = None
        if not self._is_on():
            await self.push_frame(frame, direction)
            return
        session = self.session
        assert session is not None
        down = direction is FrameDirection.DOWNSTREAM
        self._out.interrupted(lambda: session.interrupt(Interrupt("pipecat")), ahead=down)
        await self._out.in_turn(lambda: self.push_frame(frame, direction))

    # --- what the graph says -----------------------------------------------------------------------------------------

    async def _tell_of_interrupt(self) -> None:
        """Not `broadcast_interruption`: it would drop what waits here, and that is what the caller says."""
        await self.broadcast_frame(pc.InterruptionFrame)

    async def _on_pushed(self, output: FrameProcessor, frame: pc.Frame) -> None:
        self._out.on_pushed(frame)

    def report(self, error: Error) -> None:
        """Tells the pipeline of a fault that the graph goes on after."""
        assert self.session is not None
        cause = self.session.faults[-1][1]  # there is one for each error that is told
        known = cause if isinstance(cause, Exception) else None
        message = f"{error.node}: {_told(cause)}"
        self._out.urgently(lambda: self.push_error(message, exception=known, category=ErrorCategory.UNKNOWN))

    def _complain(self, message: str) -> None:
        """Once, though it goes for every frame."""
        if message not in self._complaints:
            self._complaints.add(message)
            self._out.urgently(lambda: self.push_error(message, category=ErrorCategory.UNKNOWN))


_TEXT = (pc.LLMFullResponseStartFrame, pc.LLMTextFrame, pc.LLMFullResponseEndFrame)


class _Errors:
    """An observer that reports a graph's faults."""

    def __init__(self, processor: GraphProcessor) -> None:
        self._processor = processor

    def given(self, node: str, frame: Frame) -> None:
        if isinstance(frame, Error) and not frame.fatal:
            self._processor.report(frame)

    def played(self, turn: int, seconds: float) -> None:
        """Of no use here."""


def _told(error: BaseException) -> str:
    """Of an error that is not ours the text may be a caller's, so its type is told."""
    if isinstance(error, CallFailed) and error.__cause__ and not isinstance(error.__cause__, VoicegraphError):
        return f"{error.node}: {type(error.__cause__).__name__}"
    return str(error) if isinstance(error, VoicegraphError) else type(error).__name__


def _outputs(processors: Sequence[FrameProcessor]) -> Iterator[BaseOutputTransport]:
    """The output transports of a pipeline, those in pipelines inside it among them."""
    for processor in processors:
        if isinstance(processor, BaseOutputTransport):
            yield processor
        yield from _outputs(processor.processors)
