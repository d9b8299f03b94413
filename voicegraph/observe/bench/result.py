"""What `voicegraph bench` found, as plain data: its file, which `--compare` reads again and a page is made of.

A result holds the calls themselves, as timelines; figures are made of them by `voicegraph.observe.bench.figures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.observe.timeline import Struct, Timeline

VERSION = 1
"""Of what is written to files. A file of another version is refused."""

Mode = Literal["live", "fast", "virtual"]
"""How time passes: as it does; with a jumping clock (`--fast`); in a simulation (`--virtual`)."""


class Machine(Struct, frozen=True, kw_only=True):
    """What the figures were measured on. voicegraph: its version."""

    processor: str
    cores: int
    python: str
    system: str
    voicegraph: str

    def differs(self, other: Machine) -> dict[str, tuple[object, object]]:
        """What makes it another machine for whoever compares times: field by field, here and there."""
        fields = ("processor", "cores", "python", "system")
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in fields}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


class Caller(Struct, frozen=True, kw_only=True):
    """Who called. told: in words, for people. digest: SHA-256 of all that they say and do."""

    told: str
    digest: str


class Budget(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """An entry of the graph's `budgets`. limit, p95: in seconds; None if nothing was measured. line: of `file`."""

    name: str
    limit: float
    p95: float | None = None
    count: int = 0
    broken: bool = False
    file: str = ""
    line: int = 0
    column: int = 0


class Cost(Struct, frozen=True, kw_only=True):
    """CPU that a node alone took in one round, in seconds of the process, and what it was given for it.

    source: with nobody to take the frames. empty: with a node of the same shape that does nothing. node: with the node.
    """

    frames: int
    turns: int
    source: float
    empty: float
    node: float

    @property
    def framework(self) -> float:
        """Seconds a frame that the engine takes to bring it to a node."""
        return (self.empty - self.source) / self.frames

    @property
    def own(self) -> float:
        """Seconds a frame that the node takes itself, what it gives included."""
        return (self.node - self.empty) / self.frames


class Yardstick(Struct, frozen=True, kw_only=True):
    """What a fixed piece of computing took on the machine in one round, in seconds: of CPU, and on the clock."""

    cpu: float
    wall: float


class Result(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One run of `voicegraph bench`.

    graph: its name; of a node alone, the name of its type. plan: the graph in its long form, as `voicegraph expand`
    prints it; of a node alone, its settings. file: the graph's. nodes, wires: of it.
    mode: how time passed. emulated: vendors were emulators, in this process. began: in seconds since 1970. load: of the
    machine when it began, processes that want a core (averaged over a minute); None where that is not known. rounds:
    the same calls again and again: the differences between rounds are the noise. yardsticks: the machine's speed, by
    round. memory_bytes: the most that the process held. costs: of a node alone, by round.
    """

    version: int = VERSION
    command: str
    graph: str
    file: str = ""
    plan: str
    caller: Caller
    machine: Machine
    load: float | None = None
    began: float | None = None
    nodes: tuple[str, ...] = ()
    wires: tuple[tuple[str, str], ...] = ()
    mode: Mode = "live"
    emulated: bool = False
    rounds: tuple[tuple[Timeline, ...], ...] = ()
    budgets: tuple[Budget, ...] = ()
    yardsticks: tuple[Yardstick, ...] = ()
    memory_bytes: int | None = None
    costs: tuple[Cost, ...] = ()

    @property
    def virtual(self) -> bool:
        return self.mode == "virtual"

    @property
    def alone(self) -> bool:
        """Whether it is of a node, and not of a graph."""
        return bool(self.costs)

    @property
    def calls(self) -> Iterator[Timeline]:
        """Of all rounds."""
        return (call for calls in self.rounds for call in calls)

    @property
    def cpu_per_call_second(self) -> float | None:
        """Seconds of CPU that the process took for each second of its calls."""
        return cpu_share(self.calls)


def cpu_share(calls: Iterable[Timeline]) -> float | None:
    """Seconds of CPU for each second of these calls; None where it is not known."""
    cpu, seconds = 0.0, 0.0
    for call in calls:
        if call.cpu is None:
            return None
        cpu += call.cpu
        seconds += call.seconds
    return cpu / seconds if seconds else None


def write(result: Result, path: Path) -> None:
    """As JSON. Raises VoicegraphError."""
    data = msgspec.json.format(msgspec.json.encode(result), indent=1)
    try:
        path.write_bytes(data + b"\n")
    except OSError as error:
        raise VoicegraphError(f"cannot write {path}: {error.strerror}") from error


class _Head(msgspec.Struct):
    """As much of a file as tells whether the rest can be read."""

    version: int
    rounds: msgspec.Raw


def read(path: Path) -> Result:
    """What `voicegraph bench --json` wrote. Raises VoicegraphError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VoicegraphError(f"cannot read {path}: {error.strerror}") from error
    how = "make one with `voicegraph bench GRAPH --json FILE`"
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.DecodeError as error:
        raise VoicegraphError(f"{path} is no result of `voicegraph bench`: {how}") from error
    if head.version != VERSION:
        known = f"this voicegraph reads version {VERSION}"
        raise VoicegraphError(f"{path} is a result of version {head.version}, and {known}: {how}")
    try:
        return msgspec.json.decode(data, type=Result)
    except msgspec.DecodeError as error:
        raise VoicegraphError(f"{path} is no whole result of `voicegraph bench`: {error}; {how}") from error
