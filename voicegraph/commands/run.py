"""`voicegraph run`: one call on a graph, shown as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.commands.emulating import (
    BackendOption,
    EmulateOption,
    Emulation,
    FaultsOption,
    OfflineOption,
    ScriptOption,
    emulating,
)
from voicegraph.commands.exporting import OtelOption, SpansOption, WordsOption
from voicegraph.commands.placing import Places
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.call import Reply
    from voicegraph.engine.observers import Observer
    from voicegraph.engine.session import Session
    from voicegraph.graph import Plan
    from voicegraph.observe.conversation import Conversation
    from voicegraph.observe.exporting import Exports
    from voicegraph.observe.recording import Recording
    from voicegraph.phrases import PhraseStore

GraphArgument = Annotated[Path, typer.Argument(metavar="GRAPH", help="A graph file.", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Change the graph: nodes.llm.with.model=small. Repeatable."),
]
InOption = Annotated[
    Path | None, typer.Option("--in", metavar="WAV", help="What the caller says. Replaces the graph's line.")
]
RecordOption = Annotated[
    Path | None,
    typer.Option("--record", metavar="DIR", help="Keep sound and words of both sides there: WAV and JSON Lines."),
]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Write the times of every node and turn: see `trace`.")
]
FastOption = Annotated[bool, typer.Option("--fast", help="Do not sit through silences: a jumping clock.")]


def run(
    graph: GraphArgument,
    input: InOption = None,
    output: Annotated[Path | None, typer.Option("--out", metavar="WAV", help="Where the agent's side goes.")] = None,
    set: SetOption = None,
    fast: FastOption = False,
    offline: OfflineOption = False,
    seed: Annotated[int | None, typer.Option(help="Of all randomness in the call.", show_default=False)] = None,
    emulate: EmulateOption = False,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
    record: RecordOption = None,
    trace: TraceOption = None,
    spans: SpansOption = None,
    otel: OtelOption = False,
    words: WordsOption = False,
) -> None:
    """Runs a call on a graph and shows the conversation as it happens."""
    from voicegraph.commands.opening import open_plan, phrase_store, pull_models

    if trace is not None:
        from voicegraph.observe import traces

        traces.prepare(trace)
    exports = _exports(spans, otel=otel, words=words)
    with emulating(emulate, Emulation(backend, script, faults, offline)):
        plan = open_plan(graph, set or (), input, output)
        pull_models(plan, offline=offline)
        call = _Call(plan, seed, phrase_store(emulated=emulate), Places(graph, set or ()), record)
        try:
            call.run(fast=fast)
        except KeyboardInterrupt:
            call.report()
            raise
        else:
            call.report()
        finally:
            call.tell_output()
            if trace is not None:
                call.write_trace(trace, graph, words=words)
            if exports is not None:
                call.export(exports)


class _Call:
    """One call: what is seen of it while it lasts, and what is told of it afterwards."""

    def __init__(self, plan: Plan, seed: int | None, phrases: PhraseStore, places: Places, record: Path | None) -> None:
        self.plan = plan
        self.seed = seed
        self.phrases = phrases
        self.places = places
        self.recording = _recording(plan, record, lambda turn: self._session().reply(turn)) if record else None
        self.seen: tuple[Session, Conversation] | None = None
        self.output: str | None = plan.nodes[plan.line].config.get("output") if plan.line else None
        self._began = 0.0
        self._failed = False
        self._written_before = _written(self.output)

    def run(self, *, fast: bool) -> None:
        """To the call's end, on a loop of its own. Raises CallFailed, and KeyboardInterrupt after an orderly end."""
        import asyncio

        from voicegraph.engine.jumping import JumpingLoop

        try:
            with asyncio.Runner(loop_factory=JumpingLoop if fast else None) as runner:
                runner.run(self._run())
        except VoicegraphError as error:
            self._failed = True
            raise self.places.told(error, self.seen[0].faults if self.seen else ()) from error

    async def _run(self) -> None:
        from voicegraph.commands.opening import warm_up
        from voicegraph.engine.session import Session
        from voicegraph.observe.conversation import Conversation

        await warm_up(self.plan, self.phrases)
        conversation = Conversation(
            terminal.stdout(),
            lambda: session.replies(),
            lambda turn: session.turn_times.answer(turn),
            named=self.places.named,
        )
        observers: list[Observer] = [conversation]
        async with AsyncExitStack() as stack:
            if self.recording is not None:
                observers.append(await stack.enter_async_context(self.recording))
            session = Session(self.plan, seed=self.seed, observers=tuple(observers), phrases=self.phrases)
            self.seen = session, conversation
            self._began = time.time()
            with conversation, terminal.faults_are_shown():
                await session.run()

    def _session(self) -> Session:
        assert self.seen is not None
        return self.seen[0]

    def report(self) -> None:
        """The figures."""
        if self.seen is None:
            return
        session, conversation = self.seen
        from voicegraph.observe.tables import answer_table, node_table

        if answers := session.turn_times.answers():
            terminal.show(terminal.headline("From the end of the caller's speech to the answer"), answer_table(answers))
        if conversation.taken_back:
            terminal.show(f"{conversation.taken_back} begun early and taken back unheard")
        if not conversation.utterances:
            terminal.notice("nothing was said", style="yellow")
        terminal.show(terminal.headline("Nodes, in ms"), node_table(self.plan, session.timings()))

    def tell_output(self) -> None:
        """Where the line recorded what the caller would have heard, be it whole or cut short."""
        if self.output and _written(self.output) != self._written_before:
            terminal.notice(f"\nwrote {self.output}", style="")
        if self.recording and self.seen:
            terminal.notice(f"recorded {self.recording.wav} and {self.recording.transcript}", style="")

    def write_trace(self, file: Path, graph: Path, *, words: bool) -> None:
        """The times of the call as far as it came. words: what was said, too."""
        import msgspec

        from voicegraph.observe.call_times import timeline
        from voicegraph.observe.traces import write

        if self.seen is None:
            return
        found = timeline(self._session(), words=words)
        write(msgspec.structs.replace(found, file=str(graph), began=self._began), file)
        terminal.notice(f"traced to {file}: `voicegraph trace {file} --open` shows it", style="")

    def export(self, exports: Exports) -> None:
        """The call's spans, as far as it came."""
        from voicegraph.observe.call_spans import export

        exporting = exports.start()
        if self.seen is not None and exporting is not None:
            export(exporting, self._session(), self._began, failed=self._failed, words=exports.words)
            exporting.finish()


def _exports(spans: Path | None, *, otel: bool, words: bool) -> Exports | None:
    """Where spans go, if they are asked for. Raises VoicegraphError for what cannot be."""
    if spans is None and not otel:
        return None
    from voicegraph.observe.exporting import Exports

    exports = Exports(spans, otel, words)
    exports.check()
    return exports


def _recording(plan: Plan, folder: Path, reply: Callable[[int], Reply]) -> Recording:
    from secrets import token_hex

    from voicegraph.observe.recording import Recording, prepare

    prepare(folder)
    return Recording(folder / token_hex(6), plan, reply)


def _written(file: str | None) -> int | None:
    """When a file was last written; None if it is not there."""
    return Path(file).stat().st_mtime_ns if file and Path(file).is_file() else None
