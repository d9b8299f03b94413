"""The same plan without its vendors: scripted nodes in the places of those that need packages, keys or models.

Everything else stays as it is: the edges, the sample rates, what recovers by what, and every node that needs nothing,
but for a transcriber that would not hear the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from voicegraph.errors import VoicegraphError
from voicegraph.frames import (
    Audio,
    EndOfTurn,
    Frame,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.graph.checks.wires import flowing
from voicegraph.graph.formats import given_rates, taken_rates
from voicegraph.graph.model import Rates
from voicegraph.graph.plan import Plan, PlannedNode
from voicegraph.graph.wording import did_you_mean, frame_names, listed, quote
from voicegraph.node import NodeType, node_type
from voicegraph.ports import SOUND
from voicegraph.testing.scripted import (
    Says,
    ScriptedJudge,
    ScriptedLLM,
    ScriptedResample,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
)
from voicegraph.testing.simulated import SimulatedCall

Settings = Mapping[str, Any]


class Mistake(NamedTuple):
    """node: of the graph. setting: its path in the node's settings, empty where it is not about one."""

    node: str
    message: str
    setting: tuple[str | int, ...] = ()


class CannotStandIn(VoicegraphError):
    """A graph cannot be run on stand-ins. mistakes: all reasons."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(f"{quote(each.node)}: {each.message}" for each in mistakes))
        self.mistakes = tuple(mistakes)


def stand_ins(
    plan: Plan,
    *,
    real: Collection[str] = (),
    settings: Mapping[str, Settings] | None = None,
    line: Settings | None = None,
    says: Iterable[Says | Settings] = (),
) -> Plan:
    """The plan with scripted nodes for those that need packages, environment variables or models, and a simulated line.

    real: names of nodes that stay as they are. settings: of scripted nodes, by the graph's name, as a file writes them.
    line: the same of `simulated.call`. says: lines of each scripted language model. Raises CannotStandIn, which tells
    of every node for which there is no stand-in, and of every setting that is wrong.
    """
    nodes = {**plan.nodes, **plan.standby}
    given = {name: dict(each) for name, each in (settings or {}).items()}
    if plan.line is not None:
        given[plan.line] = {**given.get(plan.line, {}), **(line or {})}
    work = _Work(plan, given, list(says))
    work.check_names(real)
    # The line last: one that plays any rate plays what its voice gives.
    for name in sorted(nodes, key=lambda name: name == plan.line):
        if name not in real and (name == plan.line or needs(nodes[name].kind)):
            work.replace(nodes[name])
    work.check_edges()
    if work.mistakes:
        raise CannotStandIn(work.mistakes)
    return replace(
        plan,
        nodes={name: work.nodes[name] for name in plan.nodes},
        standby={name: work.nodes[name] for name in plan.standby},
    )


DEAF = "script.stt"
"""The node type that needs nothing, and says its script whatever the caller says."""


def needs(kind: NodeType) -> list[str]:
    """What a node type needs that a test has not got: packages, environment variables, models, its script's caller."""
    own = {"a model": hasattr(kind.target, "models"), "its script's caller": kind.name == DEAF}
    return [*kind.packages, *kind.env, *(word for word, needed in own.items() if needed)]


class _Role(NamedTuple):
    """A job: from `takes` to `gives`, and besides it no other frames than `also`, where that is said.

    target: the scripted node that can do it. keeps: settings of a real node that mean the same for it.
    """

    takes: type[Frame]
    gives: type[Frame]
    target: type
    keeps: tuple[str, ...] = ()
    also: frozenset[type[Frame]] | None = None

    def fits(self, kind: NodeType) -> bool:
        if self.takes not in kind.takes or self.gives not in kind.gives:
            return False
        return self.also is None or flowing(kind.gives) <= self.also | {self.gives}


_ROLES = (
    _Role(Audio, Transcript, ScriptedSTT, ("partials", "join")),
    _Role(Audio, SpeechStarted, ScriptedVAD, ("min_speech", "min_silence"), also=frozenset({SpeechStopped})),
    _Role(Audio, EndOfTurn, ScriptedJudge, also=frozenset()),
    _Role(UserTurn, Token, ScriptedLLM, ("tools",)),
    _Role(Sentence, TTSAudio, ScriptedTTS, ("speed",)),
    _Role(Audio, Audio, ScriptedResample, also=frozenset({TTSAudio})),
    _Role(TTSAudio, TTSAudio, ScriptedResample, also=frozenset({Audio})),
)


class _Work:
    """The nodes so far, and what is wrong."""

    def __init__(self, plan: Plan, settings: dict[str, dict[str, Any]], says: list[Says | Settings]) -> None:
        self.plan = plan
        self.settings = settings
        self.says = says
        self.nodes: dict[str, PlannedNode] = {**plan.nodes, **plan.standby}
        self.edges = (*plan.edges, *plan.standby_edges)
        self.mistakes: list[Mistake] = []

    def check_names(self, real: Collection[str]) -> None:
        for name in dict.fromkeys([*real, *self.settings]):
            if name not in self.nodes:
                hint = did_you_mean(name, self.nodes) or f"there are {listed(self.nodes)}"
                self.mistakes.append(Mistake(name, f"the graph has no such node; {hint}"))
            elif self.settings.get(name) and (name in real or not (name == self.plan.line or needs(self._kind(name)))):
                why = "is to be real" if name in real else f"needs nothing that has to be replaced ({self._type(name)})"
                message = f"it {why}, so it takes no settings of a scripted node; change it in the graph, or with `set`"
                self.mistakes.append(Mistake(name, message))

    def replace(self, node: PlannedNode) -> None:
        """Puts a scripted node in its place."""
        if node.name == self.plan.line:
            made = node_type(SimulatedCall), self._for_line(node)
        else:
            role = next((role for role in _ROLES if role.fits(node.kind)), None)
            if role is None:
                self.mistakes.append(Mistake(node.name, _nobody(node)))
                return
            kept = {key: node.config[key] for key in role.keeps if key in node.config}
            made = node_type(role.target), kept | self._for(role, node)
        kind, config = made[0], made[1] | self.settings.get(node.name, {})
        if self._check(node.name, kind, config):
            self.nodes[node.name] = replace(node, kind=kind, config=config)

    def check_edges(self) -> None:
        """A stand-in has to take and give all that flows to and from it."""
        for edge in dict.fromkeys(self.edges):
            for name, known, verb in (
                (edge.giver, self._kind(edge.giver).gives, "give"),
                (edge.taker, self._kind(edge.taker).takes, "take"),
            ):
                if edge.frame not in known:
                    message = f"its stand-in `{self._type(name)}` does not {verb} {edge.frame.__name__}; {_OR_ELSE}"
                    self.mistakes.append(Mistake(name, message))

    def _for(self, role: _Role, node: PlannedNode) -> dict[str, Any]:
        """Settings that follow from what the node is."""
        gives = node.kind.gives
        if role.target is ScriptedSTT:
            return {"speech": SpeechStarted in gives or SpeechStopped in gives, "end_of_turn": EndOfTurn in gives}
        if role.target is ScriptedLLM:
            return {"says": self.says} if self.says else {}
        if role.target is ScriptedTTS:
            rate = _rates(given_rates, node).get(TTSAudio)
            return {"rate": rate} if rate else {}
        if role.target is ScriptedResample:
            known = [*_rates(given_rates, node).values(), *_rates(taken_rates, node).values()]
            return {"rate": next(filter(None, known), None) or self._rate_before(node.name)}
        return {}

    def _for_line(self, node: PlannedNode) -> dict[str, Any]:
        rate = _rates(given_rates, node).get(Audio) or 16_000
        plays = self._rate_before(node.name, rate)  # a converter stands before a line that wants it otherwise
        found = {"rate": rate, "plays_at": plays, "greeting": getattr(_instance(node), "greeting", None)}
        return {key: value for key, value in found.items() if value} | (
            {"lead": node.config["lead"]} if "lead" in node.config else {}
        )

    def _rate_before(self, name: str, otherwise: int = 16_000) -> int:
        """The rate of the sound that comes to a node which takes any."""
        for edge in self.edges:
            if edge.taker == name and edge.frame in SOUND:
                rate = _rates(given_rates, self.nodes[edge.giver]).get(edge.frame)
                if rate:
                    return rate
        return otherwise

    def _check(self, name: str, kind: NodeType, config: Settings) -> bool:
        """Whether the settings are right; else all that is wrong with them is told."""
        from pydantic import ValidationError

        try:
            kind.configure(config)
        except ValidationError as error:
            for each in error.errors():
                path = tuple(part for part in each["loc"] if part in config or isinstance(part, int)) or each["loc"][:1]
                message = f"{quote('.'.join(map(str, path)))} of its stand-in `{kind.name}`: {each['msg']}"
                self.mistakes.append(Mistake(name, message, path))
            return False
        except ValueError as error:
            self.mistakes.append(Mistake(name, f"its stand-in `{kind.name}`: {error}"))
            return False
        return True

    def _kind(self, name: str) -> NodeType:
        return self.nodes[name].kind

    def _type(self, name: str) -> str:
        return self._kind(name).name


_OR_ELSE = "name the node in `real` to run it as it is, or `set` another type for it"


def _nobody(node: PlannedNode) -> str:
    kind = node.kind
    return (
        f"`{kind.name}` needs {listed(needs(kind))}, and no scripted node can stand in for one that takes "
        f"{frame_names(flowing(kind.takes))} and gives {frame_names(flowing(kind.gives))}; {_OR_ELSE}"
    )


def _instance(node: PlannedNode) -> Any:
    """None if it cannot be made, as without its packages."""
    try:
        return node.make()
    except Exception:  # noqa: BLE001 - a user's class, which is not to be run
        return None


def _rates(read: Callable[[NodeType, Any], Rates], node: PlannedNode) -> Rates:
    try:
        return read(node.kind, _instance(node))
    except ValueError:  # told when the graph was checked
        return {}
