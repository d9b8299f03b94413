"""Which services of pipecat a graph may name: read from the sources of the installed package, none of it imported.

A service's name is its folder under `pipecat/services`, what tells it apart from others of that folder, and its kind:
`cartesia.tts`, `cartesia.http.tts`, `deepgram.flux.stt`. What a graph may name beside these was registered by a module
that it imports (voicegraph.pipecat_services).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from voicegraph import pipecat_services

HOSTED = ("stt", "llm", "tts")
"""The kinds of services whose frames have counterparts here."""
AROUND = "processor"
"""The kind of what may stand before and after a service."""

_BASES = {"STTService": "stt", "LLMService": "llm", "TTSService": "tts"}
_CLASS = re.compile(r"^class (\w+)\(([^)]*)\):", re.MULTILINE)
_EXTRA = re.compile(r"pipecat-ai\[([\w,-]+)\]")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*")
_NEEDS_KEY = re.compile(r"\bapi_key: str,")
_SPEECH = "is_realtime_service"
"""What the source of a language model says that hears and speaks itself."""


@dataclass(frozen=True)
class Service:
    """A service that a graph may name.

    kind: `stt`, `llm`, `tts`, `processor`, or what no graph can host, such as `image`. module, attribute: where its
    class is. target: the class itself, where it was registered. speech: it hears and speaks itself.
    """

    name: str
    kind: str
    module: str = ""
    attribute: str = ""
    target: Callable[..., Any] | None = None
    speech: bool = False

    @property
    def vendor(self) -> str:
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The environment variable that holds the vendor's key."""
        return f"{self.vendor.upper().replace('-', '_')}_API_KEY"

    @property
    def address(self) -> str:
        """The environment variable that holds another address than the vendor's."""
        return f"{self.key.removesuffix('_API_KEY')}_BASE_URL"

    def variables(self) -> tuple[str, ...]:
        """The environment variables without which it cannot be made, as its source tells it."""
        path = _path(self.module) if self.module else None
        needs = path is not None and _NEEDS_KEY.search(path.read_text(encoding="utf-8"))
        return (self.key,) if needs or self.vendor == "openai" else ()

    def load(self) -> Callable[..., Any]:
        """The class. The first call imports the vendor's SDK, which takes seconds."""
        if self.target is not None:
            return self.target
        found: Callable[..., Any] = getattr(importlib.import_module(self.module), self.attribute)
        return found

    def packages(self) -> tuple[str, ...]:
        """Import names that its module needs beside pipecat. Imports nothing."""
        return _packages(self.module) if self.module else ()

    def install(self) -> str:
        """The command that brings them."""
        return f'pip install "pipecat-ai[{_extra(self.module, self.vendor)}]"'


def services() -> dict[str, Service]:
    """All that a graph may name, by name, those included that cannot be hosted, so that it can be told why."""
    own = {
        name: Service(name, name.rpartition(".")[2], target=target)
        for name, target in pipecat_services.registered().items()
    }
    return {**_installed(), **own}


def find(name: str) -> Service | None:
    return services().get(name)


@dataclass(frozen=True)
class _Class:
    """A class in the sources of pipecat's services. folders: under `services`."""

    name: str
    bases: tuple[str, ...]
    folders: tuple[str, ...]
    stem: str
    speech: bool


@lru_cache(maxsize=1)
def _installed() -> dict[str, Service]:
    root = _root()
    if root is None:
        return {}
    classes = {each.name: each for each in _classes(root)}
    kinds = {each: kind for each in classes.values() if each.folders and (kind := _kind(each, classes))}
    siblings = Counter((each.folders, kind) for each, kind in kinds.items())
    found: dict[str, Service] = {}
    for each, kind in kinds.items():
        told = [] if siblings[each.folders, kind] == 1 else _told_apart(each, kind)
        name = ".".join((*each.folders, *told, kind))
        module = ".".join(("pipecat", "services", *each.folders, each.stem))
        found.setdefault(name, Service(name, kind, module, each.name, speech=_speaks(each, classes)))
    return dict(sorted(found.items()))


def _root() -> Path | None:
    """Where pipecat's services are."""
    spec = importlib.util.find_spec("pipecat")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / "services" if places else None


def _classes(root: Path) -> Iterator[_Class]:
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        folders = path.relative_to(root).parent.parts
        for match in _CLASS.finditer(text):
            yield _Class(match[1], tuple(re.findall(r"\w+", match[2])), folders, path.stem, _SPEECH in text)


def _ancestors(one: _Class, classes: dict[str, _Class]) -> Iterator[str]:
    """The names of its bases, and of theirs, the nearest first."""
    waiting = list(one.bases)
    while waiting:
        name = waiting.pop(0)
        yield name
        waiting += classes[name].bases if name in classes else ()


def _kind(one: _Class, classes: dict[str, _Class]) -> str | None:
    """What a class is by its bases; None: no service."""
    if not re.search(r"Service(REST|MLX)?$", one.name) or one.name.startswith("_") or "Base" in one.name:
        return None
    bases = list(_ancestors(one, classes))
    kinds = [kind for base, kind in _BASES.items() if base in bases]
    return kinds[0] if kinds else one.stem if "AIService" in bases else None


def _speaks(one: _Class, classes: dict[str, _Class]) -> bool:
    """Whether a language model takes sound and gives sound."""
    inherited = (classes[base] for base in _ancestors(one, classes) if base in classes)
    return any(each.speech and each.folders for each in (one, *inherited))


def _told_apart(one: _Class, kind: str) -> list[str]:
    """What its name says beside its folder and kind: `CartesiaHttpTTSService` in `cartesia` -> `http`."""
    rest = re.sub(kind, "", one.name.replace("Service", ""), count=1, flags=re.IGNORECASE)
    vendor = "".join(one.folders).replace("_", "")
    prefix = next((each for each in (vendor, one.folders[0].replace("_", "")) if rest.lower().startswith(each)), "")
    known = {word for folder in one.folders for word in folder.split("_")}
    words = [word.lower() for word in _WORD.findall(rest[len(prefix) :])]
    return ["_".join(word for word in words if word not in known)] if set(words) - known else []


@lru_cache(maxsize=256)
def _packages(module: str) -> tuple[str, ...]:
    """What a module of pipecat's services imports at its top, and those that it imports of them."""
    found: dict[str, None] = {}
    waiting, seen = [module], set[str]()
    while waiting:
        each = waiting.pop()
        path = _path(each)
        if each in seen or path is None:
            continue
        seen.add(each)
        for name in _imports(ast.parse(path.read_text(encoding="utf-8")).body):
            if name.startswith("pipecat.services."):
                waiting.append(name)
            elif (root := name.partition(".")[0]) != "pipecat" and root not in sys.stdlib_module_names:
                found[".".join(name.split(".")[: 2 if root == "google" else 1])] = None  # which many packages share
    return tuple(found)


def _path(module: str) -> Path | None:
    root = _root()
    if root is None:
        return None
    parts = module.split(".")[2:]
    places = (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py"))
    return next((place for place in places if place.is_file()), None)


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    """Modules imported by these statements, also within a `try`."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
        elif isinstance(statement, ast.Try):
            yield from _imports(statement.body)


def _extra(module: str, vendor: str) -> str:
    """The extra of pipecat that a service needs, as its own source tells it."""
    path = _path(module) if module else None
    named = _EXTRA.search(path.read_text(encoding="utf-8")) if path else None
    return named[1] if named else vendor.replace("_", "-")
