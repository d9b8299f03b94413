"""What a conversation test file says, every part with its place. Durations are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from voicegraph.frames import Frame
from voicegraph.graph.model import Word
from voicegraph.graph.plan import Plan
from voicegraph.graph.source import Source, Span
from voicegraph.testing.faults import Kind

# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller says something."""

    place: Span
    text: str


@dataclass(frozen=True, slots=True)
class Cough:
    """The caller makes a sound like speech, of which no transcriber makes a word."""

    place: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class Dtmf:
    """The caller presses keys of the phone."""

    place: Span
    digits: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up."""

    place: Span


@dataclass(frozen=True, slots=True)
class Agent:
    """What the agent says next. Happens when that begins to be heard."""

    place: Span
    text: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller says nothing for so long."""

    place: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """Waits until so much of the agent's reply has been heard."""

    place: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class AgentWords:
    """Waits until so many words of the agent's reply have been heard."""

    place: Span
    count: int


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """Waits until so much has passed since the caller began to speak."""

    place: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class Time:
    """Waits until the call has lasted so long."""

    place: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class Given:
    """Waits until a frame of this type is given: by this node, or by any."""

    place: Span
    frame: type[Frame]
    node: Word | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is asked of a scripted node next goes wrong. settings: of its `fail`, beside the kind."""

    place: Span
    node: Word
    kind: Kind
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


OfCaller: TypeAlias = Caller | Cough | Dtmf | HangUp
After: TypeAlias = AgentAudio | AgentWords | CallerAudio | Time | Given
Step: TypeAlias = OfCaller | Agent | Silence | After | Fault


# --- tests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """One entry of `expect`. value: as the reader of that name in `expect.py` gives it."""

    name: str
    value: Any
    place: Span


@dataclass(frozen=True, slots=True)
class Case:
    """One test. deadline: how long each step may take to happen."""

    name: Word
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]
    deadline: float

    @property
    def title(self) -> str:
        return self.name.text


@dataclass(frozen=True, slots=True)
class Suite:
    """One file whose graph is right and which is right itself.

    plan: the graph's, with stand-ins for what needs packages, keys or models. real: nodes that are themselves although
    they need these.
    """

    source: Source
    graph: Word
    plan: Plan
    cases: tuple[Case, ...]
    real: tuple[Word, ...] = ()
    seed: int | None = None

    @property
    def name(self) -> str:
        return self.source.name
