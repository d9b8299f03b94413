"""`voicegraph bench --node`: finds the node, and benches it alone."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import time
from collections.abc import AsyncIterator
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from voicegraph.commands.benching import real_voice, who
from voicegraph.commands.benching_graph import command, tell_load
from voicegraph.commands.benching_result import Old, Outcome, bar
from voicegraph.commands.opening import pull
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.session import warm
from voicegraph.errors import VoicegraphError
from voicegraph.frames import Audio, CallerFrame, ReplyFrame, TTSAudio
from voicegraph.graph import GraphError, Plan, compile_plan, load, loads
from voicegraph.graph.builtin import register_builtin
from voicegraph.graph.expand import long_form
from voicegraph.graph.formats import taken_rates
from voicegraph.graph.wording import did_you_mean, listed, quote
from voicegraph.node import node, node_types
from voicegraph.observe.bench import machine
from voicegraph.observe.bench.compare import check
from voicegraph.observe.bench.feed import ASKED, Feed
from voicegraph.observe.bench.nodes import Alone, AloneRounds
from voicegraph.observe.bench.result import Result
from voicegraph.testing.speech import utter

if TYPE_CHECKING:
    from voicegraph.graph import Graph, PlannedNode
    from voicegraph.observe.bench.result import Caller

NAME = "node"
"""What a node is called that is in no graph."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the options say of the node.

    name: of a node of `graph`; without a graph of a type, or of a module of ours. imports, settings: of a node that is
    in no graph. sounds: recordings of what it hears, one at most.
    """

    name: str
    graph: Path | None = None
    sets: tuple[str, ...] = ()
    imports: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    sounds: tuple[Path, ...] = ()
    emulate: bool = False


@node("bench.feed")
class Everything:
    """Stands in a graph for whoever feeds the node, so that its settings can be checked."""

    async def give(self) -> AsyncIterator[CallerFrame | ReplyFrame]:
        for nothing in list[CallerFrame | ReplyFrame]():
            yield nothing


def measure(wanted: Wanted, turns: int, rounds: int, old: Old | None, *, offline: bool) -> Outcome:
    """Raises VoicegraphError for a node that cannot be benched alone, or that fails."""
    graph, planned = _find(wanted)
    _check(planned, wanted)
    if len(wanted.sounds) > 1:
        raise VoicegraphError("a node alone hears one recording: leave out the other --in")
    feed, caller = _feed(planned, wanted.sounds[0] if wanted.sounds else None)
    result = Result(
        command=command(),
        graph=planned.kind.name,
        file=str(wanted.graph or ""),
        plan=long_form(graph),
        caller=caller,
        machine=machine.machine(),
        load=machine.load(),
        began=time.time(),
        nodes=(planned.name,),
        mode="fast",
        emulated=wanted.emulate,
    )
    if old is not None:
        check(old.result, result, old.path)
    tell_load(result)
    instance = planned.make()
    if hasattr(instance, "models"):
        pull(instance.models(), planned.kind.name, offline=offline)
    made = _measure(Alone(planned, feed), rounds, ceil(turns / rounds))
    result = replace(
        result,
        costs=tuple(made.costs),
        rounds=tuple(made.calls),
        yardsticks=tuple(made.yardsticks),
        memory_bytes=machine.memory_bytes(),
    )
    return Outcome(result, (), old)


def _measure(alone: Alone, rounds: int, paced: int) -> AloneRounds:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        only = Plan(name=alone.node.name, nodes={alone.node.name: alone.node}, edges=())
        runner.run(warm(only))
        with bar() as progress:
            task = progress.add_task("measuring", total=rounds)
            made = AloneRounds(alone, rounds, paced, runner.run, lambda done: progress.update(task, completed=done))
            made.measure()
    return made


# --- which node -----------------------------------------------------------------------------------------------------


def _find(wanted: Wanted) -> tuple[Graph, PlannedNode]:
    """The graph that it stands in, if need be one that is made for it, and the node."""
    if wanted.graph is None:
        name, graph = NAME, _graph_of(wanted)
    else:
        name, graph = wanted.name, load(wanted.graph, wanted.sets, ready=False)
    plan = compile_plan(graph)
    known = {**plan.standby, **plan.nodes}
    if name not in known:
        hint = did_you_mean(name, known) or f"it has {listed(known)}"
        raise VoicegraphError(f"{wanted.graph} has no node {quote(name)}; {hint}")
    planned = known[name]
    return graph, planned if wanted.graph else dataclasses.replace(planned, name=planned.kind.name)


def _graph_of(wanted: Wanted) -> Graph:
    """One that is made for a node: checked as any is, so that a mistake in a setting is told as always."""
    imports = json.dumps([str(path) for path in wanted.imports])
    nodes = f"  {NAME}: {json.dumps(_type(wanted.name))}\n  feed: bench.feed"
    text = f"imports: {imports}\nnodes:\n{nodes}\nflow: feed -> {NAME}\n"
    settings = [f"nodes.{NAME}.with.{each}" for each in wanted.settings]
    try:
        return loads(text, settings, name="--node", ready=False)
    except GraphError as error:
        hints = {"missing-key": "give it: --with KEY=VALUE", "unknown-node-type": "--imports FILE.py defines more"}
        told = [
            dataclasses.replace(each, hint=each.hint if "did you" in each.hint else hints.get(each.code, each.hint))
            for each in error.diagnostics
        ]
        raise GraphError(told) from error


def _type(name: str) -> str:
    """The node type that is meant: by its name, or by the module that defines it (`processors.sentences`)."""
    register_builtin()
    module = name if name.startswith("voicegraph.") else f"voicegraph.{name}"
    inside = [kind.name for kind in node_types().values() if kind.module == module]
    if name in node_types() or not inside:
        return name  # what is unknown here, an import may define
    if len(inside) > 1:
        raise VoicegraphError(f"{name} has several node types: name one of {listed(inside)}")
    return inside[0]


def _check(planned: PlannedNode, wanted: Wanted) -> None:
    """That it can be fed, and has what it needs."""
    kind = planned.kind
    if kind.line:
        how = "bench the graph: its first output and its queue are in that table"
        raise VoicegraphError(f"`{kind.name}` is a line, and a line has a call around it; {how}")
    if not any(taken.side != "control" for taken in kind.takes):
        raise VoicegraphError(f"`{kind.name}` takes no frames, so there is nothing to feed it with")
    if missing := kind.missing_packages():
        install = f'"voicegraph[{kind.extra}]"' if kind.extra else " ".join(missing)
        raise VoicegraphError(f"`{kind.name}` needs {listed(missing)}: pip install {install}")
    unset = [name for name in kind.variables(planned.config) if not os.environ.get(name)]
    if unset:
        how = " ".join(f"export {name}=..." for name in unset)
        emulate = "" if wanted.emulate else ", or bench it against an emulator of its vendor: --emulate"
        raise VoicegraphError(f"`{kind.name}` needs the environment variable {listed(unset)}: {how}{emulate}")


# --- what it is fed with --------------------------------------------------------------------------------------------


def _feed(planned: PlannedNode, sound: Path | None) -> tuple[Feed, Caller]:
    kind = planned.kind
    rates = taken_rates(kind, planned.make())
    rate, voice_rate = rates.get(Audio) or 16_000, rates.get(TTSAudio) or 24_000
    speech, told = _speech(sound, rate) if Audio in kind.takes else (b"", "")
    feed = Feed(kind.takes, 1, speech, rate, voice_rate)
    frames = ", ".join(f"{count} {name}" for name, count in feed.counts().items())
    return feed, who(f"{frames} a turn{told and f', {told}'}", [frames.encode(), speech])


def _speech(sound: Path | None, rate: int) -> tuple[bytes, str]:
    """What the caller says, as PCM16, and what that is."""
    if sound is not None:
        from voicegraph.audio.wav import check_readable, read_wav

        check_readable(str(sound))
        return read_wav(str(sound), rate), sound.name
    if voice := real_voice():
        from voicegraph.audio.resample import resample

        return resample(voice.speak([ASKED])[ASKED], 16_000, rate), voice.told
    return utter(ASKED, rate=rate, origin=1), "in simulated speech"
