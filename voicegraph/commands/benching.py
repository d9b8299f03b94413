"""Who calls in `voicegraph bench`: recordings, conversations of a test file, or a caller who comes of itself."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voicegraph.commands import terminal
from voicegraph.commands.emulating import BackendKind
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.graph import Plan, PlannedNode
    from voicegraph.observe.bench.calls import Planned
    from voicegraph.observe.bench.result import Caller
    from voicegraph.testing.conversations import Suite
    from voicegraph.testing.conversations.model import Case

NOBODY = """\
nobody calls {graph}: its line is {line}, and no caller was given. One of these will do:
  --in question.wav               a recording of a caller; repeatable
  --virtual                       a scripted caller, who talks with scripted vendors in no time
  --emulate                       a synthesised caller, who talks with emulated vendors
  pip install "voicegraph[local]" and `voicegraph models pull {voice}`: then a synthesised caller has a voice that real
                                  transcribers understand"""


@dataclass(frozen=True)
class Asked:
    """What the options say of the graph and its callers. conversations: a file of `voicegraph test`."""

    graph: Path
    sets: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    conversations: Path | None = None
    select: str = ""
    virtual: bool = False
    emulate: bool = False
    backend: BackendKind | None = None

    def __post_init__(self) -> None:
        if self.inputs and self.conversations:
            raise typer.BadParameter("a caller does one of these", param_hint="--in, --conversations")
        if self.select and not self.conversations:
            raise typer.BadParameter("it selects among --conversations", param_hint="-k")
        if self.virtual and self.inputs:
            message = "scripted ears hear simulated speech, and no recording: leave out one of the two"
            raise typer.BadParameter(message, param_hint="--in, --virtual")
        if self.virtual and self.emulate:
            message = "there are no sockets in virtual time: leave out one of the two"
            raise typer.BadParameter(message, param_hint="--emulate, --virtual")


@dataclass(frozen=True)
class Calls:
    """The calls of a round. real: nodes of a test file that are themselves in virtual time, and have to be warmed."""

    planned: tuple[Planned, ...]
    caller: Caller
    real: Suite | None = None

    @property
    def plans(self) -> list[Plan]:
        """Each once."""
        return list({id(each.plan): each.plan for each in self.planned}.values())


def find_calls(asked: Asked) -> Calls:
    """Raises VoicegraphError where there is nobody to call, or something is wrong or missing; says what to do."""
    with _keyless(asked):
        if asked.conversations:
            return _conversations(asked, asked.conversations)
        if asked.inputs:
            return _recordings(asked)
        return _virtual(asked) if asked.virtual else _unasked(asked)


@contextmanager
def _keyless(asked: Asked) -> Generator[None]:
    """A key that is missing is told with the ways to do without it."""
    from voicegraph.graph import GraphError
    from voicegraph.graph.diagnostics import Note

    try:
        yield
    except GraphError as error:
        *others, last = error.diagnostics
        if asked.emulate or not any(each.code == "missing-variable" for each in error.diagnostics):
            raise
        note = Note("without keys: --emulate measures against emulators of the vendors, --virtual against a script")
        raise GraphError([*others, replace(last, notes=(*last.notes, note))]) from error


# --- recordings -----------------------------------------------------------------------------------------------------


def _recordings(asked: Asked) -> Calls:
    from voicegraph.commands.opening import open_plan
    from voicegraph.observe.bench.calls import Planned

    planned = tuple(Planned(open_plan(asked.graph, asked.sets, path)) for path in asked.inputs)
    _check_line(asked, planned[0].plan)
    return Calls(planned, who(", ".join(path.name for path in asked.inputs), map(content, asked.inputs)))


def _unasked(asked: Asked) -> Calls:
    """Nobody was given: the graph's own line may play a file, or somebody is synthesised."""
    from voicegraph.commands.opening import FILE_LINE, open_plan
    from voicegraph.graph import load
    from voicegraph.graph.line import find_line
    from voicegraph.observe.bench.callers import synthesised
    from voicegraph.observe.bench.calls import Planned

    line = find_line(asked.graph, asked.sets)
    if line is None:
        load(asked.graph, asked.sets)  # which tells what is wrong
        raise _no_line(asked)
    if line.use == FILE_LINE and "input" in line.settings:
        plan = open_plan(asked.graph, asked.sets)
        path = Path(str(plan.nodes[line.name].config["input"]))
        return Calls((Planned(plan),), who(path.name, [content(path)]))
    return _directed(asked, [synthesised()], "a synthesised caller")


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VoicegraphError(f"cannot read {path}: {error.strerror}") from error


# --- conversations --------------------------------------------------------------------------------------------------


def _conversations(asked: Asked, file: Path) -> Calls:
    from voicegraph.observe.bench.callers import described
    from voicegraph.observe.bench.calls import Planned
    from voicegraph.testing.conversations import read_suite

    suite = read_suite(file, asked.sets)
    graph = suite.graph.span.source.folder / suite.graph.text
    if graph.resolve() != asked.graph.resolve():
        raise VoicegraphError(f"{file} is about {suite.graph.text}, and {asked.graph} is another graph")
    cases = [case for case in suite.cases if asked.select.casefold() in case.title.casefold()]
    if not cases:
        raise typer.BadParameter(f"no test has {asked.select!r} in its name", param_hint="-k")
    told = f"{len(cases)} conversation{'s' if len(cases) > 1 else ''} of {file.name}"
    if not asked.virtual:
        return _directed(asked, cases, told)
    planned = tuple(Planned(suite.plan, case) for case in cases)
    return Calls(planned, who(told, map(described, cases)), suite if suite.real else None)


def _virtual(asked: Asked) -> Calls:
    """The graph with a script for its vendors and its caller."""
    from voicegraph.graph import compile_plan, load
    from voicegraph.observe.bench.callers import described, synthesised
    from voicegraph.observe.bench.calls import Planned
    from voicegraph.testing.stand_ins import CannotStandIn, stand_ins

    plan = compile_plan(load(asked.graph, asked.sets, ready=False))
    _check_line(asked, plan)
    try:
        plan = stand_ins(plan)
    except CannotStandIn as error:
        how = "or give conversations that say which nodes are `real`: --conversations FILE (docs/testing.md)"
        raise VoicegraphError(f"{asked.graph} cannot be benched in virtual time:\n{error}\n{how}") from error
    case = synthesised()
    return Calls((Planned(plan, case),), who("a scripted caller", [described(case)]))


def _directed(asked: Asked, cases: Sequence[Case], told: str) -> Calls:
    """Callers who do what these cases say, on the graph as it is but for its line."""
    from voicegraph.observe.bench.callers import described, words
    from voicegraph.observe.bench.calls import Planned
    from voicegraph.testing.conversations.model import Fault

    for step in (step for case in cases for step in case.steps if isinstance(step, Fault)):
        place = f"{step.place.source.name}:{step.place.line}"
        raise VoicegraphError(f"{place}: only a scripted node fails on demand: add --virtual, or select tests with -k")
    plan = _on_simulated_line(asked)
    texts = list(dict.fromkeys(text for case in cases for text in words(case)))
    voice = Voice.of(asked, plan)
    sounds = voice.speak(texts)
    caller = who(f"{told}, {voice.told}", map(described, cases))
    return Calls(tuple(Planned(plan, case, sounds) for case in cases), caller)


def _on_simulated_line(asked: Asked) -> Plan:
    """The plan, with a line on which a caller can be told what to do."""
    from voicegraph.graph import compile_plan, load
    from voicegraph.graph.line import find_line
    from voicegraph.node import node_type
    from voicegraph.observe.bench.callers import VoicedCall

    line = find_line(asked.graph, asked.sets)
    if line is None:
        load(asked.graph, asked.sets)
        raise _no_line(asked)
    sets = [*asked.sets, f"nodes.{line.name}.use={node_type(VoicedCall).name}"]
    if "greeting" in line.settings:
        greeting = load(asked.graph, asked.sets, ready=False).nodes[line.name].config["greeting"]
        sets.append(f"nodes.{line.name}.with.greeting={json.dumps(str(greeting).replace('${', '$${'))}")
    return compile_plan(load(asked.graph, sets))


@dataclass(frozen=True)
class Voice:
    """Of a synthesised caller. real: it is a voice; else sound that has its words in it, for who can read them."""

    told: str
    real: bool = False

    @staticmethod
    def of(asked: Asked, plan: Plan) -> Voice:
        """One that the graph's transcribers understand. Raises VoicegraphError where there is none."""
        from voicegraph.caller import voices
        from voicegraph.testing.scripted import ScriptedSTT

        emulated = asked.emulate and asked.backend is not BackendKind.LOCAL
        if all(node.kind.target is ScriptedSTT or (emulated and node.kind.env) for node in _transcribers(plan)):
            return Voice("in simulated speech")
        if voice := real_voice():
            return voice
        line = plan.nodes[plan.line].kind.name if plan.line else "none"
        raise VoicegraphError(NOBODY.format(graph=asked.graph, line=line, voice=voices.VOICE))

    def speak(self, texts: Sequence[str]) -> dict[str, bytes]:
        """The sound of each at 16 kHz, as over a telephone."""
        if not self.real:
            return {}
        from voicegraph.audio.g711 import decode_mulaw
        from voicegraph.audio.resample import resample
        from voicegraph.caller import voices
        from voicegraph.caller.twilio import RATE

        with terminal.stderr().status("speaking the caller's words", spinner="dots"):
            voice = voices.local()
            return {text: resample(decode_mulaw(voice(text)), RATE, 16_000) for text in texts}


def real_voice() -> Voice | None:
    """One that is a voice, if there is any on this machine."""
    from voicegraph.caller import voices

    return Voice(f"by {voices.VOICE}", real=True) if voices.has_local() else None


def _transcribers(plan: Plan) -> list[PlannedNode]:
    from voicegraph.frames import Audio, Transcript

    every = (*plan.nodes.values(), *plan.standby.values())
    return [node for node in every if Audio in node.kind.takes and Transcript in node.kind.gives]


# --- who, and who not -----------------------------------------------------------------------------------------------


def who(told: str, contents: Iterable[bytes]) -> Caller:
    from voicegraph.observe.bench.result import Caller

    digest = sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "big") + content)
    return Caller(told=told, digest=digest.hexdigest())


def _check_line(asked: Asked, plan: Plan) -> None:
    if plan.line is None:
        raise _no_line(asked)


def _no_line(asked: Asked) -> VoicegraphError:
    how = "give it one, such as file.call, or bench its nodes alone: voicegraph bench GRAPH --node NAME"
    return VoicegraphError(f"{asked.graph} has no line, so nobody can call it: {how}")
