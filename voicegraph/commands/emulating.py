"""Emulators for `emulate`, `run --emulate` and `bench --emulate`: what they are made of, and how they are told of."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.emulators.backend import Backend
    from voicegraph.emulators.faults import Faults


class BackendKind(StrEnum):
    """Who answers behind the vendors' protocols."""

    SCRIPTED = "scripted"
    LOCAL = "local"


EmulateOption = Annotated[
    bool, typer.Option("--emulate", help="Against emulators of Deepgram, OpenAI and ElevenLabs: no keys, no network.")
]
BackendOption = Annotated[
    BackendKind | None,
    typer.Option("--backend", help="Of the emulators: a script, or models on this machine.", show_default=False),
]
ScriptOption = Annotated[
    Path | None, typer.Option("--script", metavar="FILE", help="What the scripted backend hears and says: YAML.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Fetch no models.")]
FaultsOption = Annotated[Path | None, typer.Option("--faults", metavar="FILE", help="What goes wrong: YAML.")]


@dataclass(frozen=True)
class Emulation:
    """What the options ask for. Raises typer.BadParameter for a script that nobody would read."""

    backend: BackendKind | None = None
    script: Path | None = None
    faults: Path | None = None
    offline: bool = False

    def __post_init__(self) -> None:
        if self.script and self.backend is BackendKind.LOCAL:
            raise typer.BadParameter("the local backend has no script: leave one of the two out", param_hint="--script")

    @property
    def kind(self) -> BackendKind:
        return self.backend or BackendKind.SCRIPTED

    def open(self) -> tuple[Backend, Faults]:
        """The backend, ready, and the faults. Raises VoicegraphError for what is wrong or missing."""
        _need("aiohttp", extra="emulators")
        from voicegraph.emulators.faults import Faults, read_faults

        faults = Faults(read_faults(self.faults) if self.faults else ())
        return (_local(offline=self.offline) if self.kind is BackendKind.LOCAL else _scripted(self.script)), faults


@contextmanager
def emulating(asked: bool, emulation: Emulation) -> Generator[None]:
    """Within it, if that was asked for, all vendors are emulators, and nodes find them by the environment."""
    if not asked:
        if emulation.backend or emulation.script or emulation.faults:
            raise typer.BadParameter("add --emulate: --backend, --script and --faults are about emulators")
        yield
        return
    backend, faults = emulation.open()
    from voicegraph.emulators.server import in_thread

    with in_thread(backend=backend, faults=faults) as emulators, _environment(emulators.environment):
        terminal.notice(told(emulators.vendors, emulators.address, emulation.kind), style="")
        yield


def told(vendors: Sequence[str], address: str, kind: BackendKind) -> str:
    """What is emulated where."""
    names = ", ".join(vendors[:-1]) + " and " + vendors[-1] if len(vendors) > 1 else vendors[0]
    return f"emulating {names} on http://{address} ({kind} backend)"


def _scripted(script: Path | None) -> Backend:
    from voicegraph.emulators.scripted import scripted

    return scripted(script)


def _local(*, offline: bool) -> Backend:
    for package in ("numpy", "onnxruntime", "ctranslate2", "tokenizers", "xllamacpp", "sanotts"):
        _need(package, extra="local")
    from voicegraph.commands.opening import pull
    from voicegraph.emulators.local import local

    backend = local()
    pull(backend.models, "the local backend", offline=offline)
    with terminal.stderr().status("loading models", spinner="dots"):
        backend.warm()
    return backend


def _need(package: str, *, extra: str) -> None:
    if find_spec(package) is None:
        raise VoicegraphError(f'emulators need the package {package}: pip install "voicegraph[{extra}]"')


@contextmanager
def _environment(variables: Mapping[str, str]) -> Generator[None]:
    """This process with other variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
