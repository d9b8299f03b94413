"""What the nodes that host pipecat's services have in common: their settings, and how these are checked.

pipecat is imported when the settings of such a node are checked, and by nobody else.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from voicegraph.call import Call
from voicegraph.graph.wording import did_you_mean, listed
from voicegraph.node import NodeType
from voicegraph.providers import pipecat_catalog as catalog
from voicegraph.providers.pipecat_catalog import AROUND, HOSTED, Service
from voicegraph.providers.pipecat_host import Host
from voicegraph.settings import OrText

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from pipecat.processors.frame_processor import FrameProcessor

    from voicegraph.providers.pipecat_host import Made

Path = tuple[str | int, ...]
Wrong = tuple[Path, str, Any]

RATES = {"stt": 16_000, "llm": 16_000, "tts": 24_000}
"""Hz, by kind, for a service that names none: what pipecat gives in and out of a pipeline that says nothing."""
HANDLERS = {"stt": "listen", "llm": "on_turn", "tts": "speak"}
"""The handler of the node, by the kind of its service."""
WORK = {kind: f"voicegraph.providers.pipecat_{work}" for kind, work in
        (("stt", "hearing"), ("llm", "answering"), ("tts", "speaking"))}  # fmt: skip
"""The module that does the work of the node, by the kind of its service. It imports pipecat."""
LATE = {
    "openai": ("openai.resources.chat.completions.completions", "openai.resources.chat.chat",
               "openai.resources.audio.audio", "openai.resources.audio.transcriptions", "openai.lib.streaming.chat",
               "anyio._backends._asyncio", "jiter"),
    "deepgram": ("deepgram.listen.client", "deepgram.listen.raw_client", "deepgram.listen.v1.client",
                 "deepgram.listen.v2.client", "websockets.legacy.client"),
}  # fmt: skip
"""What SDKs import when they are first used: 0.1 s, which the first caller should not wait."""
TRANSLATED = (
    "`.stt` takes Audio and gives Transcript; `.llm` takes UserTurn and gives Token; `.tts` takes Sentence and gives "
    "TTSAudio; `.processor`, under `before` and `after`, hands on what these take and give"
)
REGISTER = "register it in a module that the graph imports: `@service(...)` of voicegraph.pipecat_services"
KEY = "api_key"


@dataclass(kw_only=True)
class Beside:
    """A processor that stands before or after the service."""

    service: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def _by_name(name: str) -> dict[str, Any]:
    return {"service": name}


Besides = tuple[Annotated[Beside, OrText(_by_name)], ...]


@dataclass(kw_only=True, eq=False)
class Hosting:
    """The settings of a node that hosts a service, and the service itself. rate: of its sound, in Hz."""

    service: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    before: Besides = ()
    after: Besides = ()

    def __post_init__(self) -> None:
        self.rate = RATES["tts"]
        self.kind = self.service.rpartition(".")[2]
        if importlib.util.find_spec("pipecat") is None:
            return  # which is told elsewhere
        checks: list[tuple[str, Mapping[str, Any], Path, tuple[str, ...]]] = [
            (self.service, self.settings, (), HOSTED),
            *((each.service, each.settings, ("before", at), (AROUND,)) for at, each in enumerate(self.before)),
            *((each.service, each.settings, ("after", at), (AROUND,)) for at, each in enumerate(self.after)),
        ]
        wrong: list[Wrong] = []
        for name, settings, path, kinds in checks:
            try:
                rate = _try(_known(name, path, kinds), settings, path)
            except _Refused as refused:
                wrong += refused.wrong
            else:
                self.rate = self.rate if path else rate or RATES[self.kind]
        if wrong:
            raise _as_pydantic_would(wrong)

    def _load(self) -> None:
        """Imports pipecat, and the vendor's SDK."""
        quiet()
        importlib.import_module("voicegraph.providers.pipecat_pipe")
        importlib.import_module(WORK[self.kind])
        for name in (self.service, *(each.service for each in (*self.before, *self.after))):
            found = _found(name)
            found.load()
            for later in (late for package in found.packages() for late in LATE.get(package, ())):
                with suppress(ImportError):  # another version of the SDK has it elsewhere
                    importlib.import_module(later)

    @property
    def _target(self) -> Callable[..., Any]:
        """The service's class."""
        return _found(self.service).load()

    def _host_in(self, call: Call, prepare: Callable[[FrameProcessor], None] | None = None) -> Host:
        """The service, ready to start in a call. prepare: what there is to do to each instance of it."""
        secrets = [value for name, value in self.settings.items() if "key" in name and isinstance(value, str)]
        secrets.append(os.environ.get(_found(self.service).key, ""))
        make, rates = partial(self._make, prepare), (self.rate, self.rate)
        return Host(call, self.service, make, rates, secrets=secrets, lasting=self.kind == "stt")

    def _make(self, prepare: Callable[[FrameProcessor], None] | None) -> Made:
        """The processors, in order; new ones. And what they need closed behind them."""
        from voicegraph.providers.pipecat_making import make

        sessions: list[ClientSession] = []
        made = make(_found(self.service), self.settings, sessions)
        if prepare is not None:
            prepare(made)
        before, after = (
            [make(_found(each.service), each.settings, sessions) for each in side] for side in (self.before, self.after)
        )
        return [*before, made, *after], sessions


def narrow(kind: NodeType, config: Mapping[str, Any]) -> NodeType:
    """The node type as it is with one service: with its handlers only, and with what its vendor needs."""
    name = config.get("service")
    if not isinstance(name, str):
        return kind
    wanted = HANDLERS.get(name.rpartition(".")[2])
    handlers = tuple(handler for handler in kind.handlers if handler.name == wanted) or kind.handlers
    found = catalog.find(name)
    if found is None or found.target is not None:
        return replace(kind, handlers=handlers)
    settings = config.get("settings")
    keyed = isinstance(settings, Mapping) and KEY in settings
    packages = (*kind.packages, *found.packages())
    return replace(
        kind, handlers=handlers, packages=packages, env=() if keyed else found.variables(), install=found.install()
    )


def _found(name: str) -> Service:
    found = catalog.find(name)
    assert found is not None, name  # the settings were checked
    return found


def _known(name: str, path: Path, kinds: tuple[str, ...]) -> Service:
    """The service of that name, of one of these kinds. path: to where it is named. Raises _Refused."""
    found = catalog.find(name)
    if found is None:
        known = [each for each, service in catalog.services().items() if service.kind in kinds]
        vendors = sorted({each.partition(".")[0] for each in known})
        hint = did_you_mean(name, known) or (f"its vendors are {listed(vendors)}" if vendors else REGISTER)
        raise _Refused(((*path, "service"), f"pipecat has no service `{name}`; {hint}", "refused"))
    if found.speech or found.kind not in kinds:
        what = "hears and speaks itself" if found.speech else f"is of the kind `{found.kind}`"
        words = f"`{name}` {what}: its frames cannot be translated. What can: {TRANSLATED}"
        raise _Refused(((*path, "service"), words, "refused"))
    return found


def _try(service: Service, settings: Mapping[str, Any], path: Path) -> int | None:
    """Makes the service once in this process. Raises _Refused for what it refuses. Returns the rate that it names."""
    if any(importlib.util.find_spec(package.partition(".")[0]) is None for package in service.packages()):
        return None  # which is told elsewhere
    quiet()
    from voicegraph.providers.pipecat_making import Refused, other_kind, try_settings

    if service.kind in HOSTED and (base := other_kind(service)):
        words = f"`{service.name}` is of the class `{base}`: its frames cannot be translated. What can: {TRANSLATED}"
        raise _Refused(((*path, "service"), words, "refused"))
    try:
        return try_settings(service, settings)
    except Refused as refused:
        at = (*path, "settings" if settings else "service")
        raise _Refused(*(((*at, *inner), words, kind) for inner, words, kind in refused.faults)) from refused
    except ImportError as error:  # of a part of pipecat that its own extras bring
        raise _Refused(((*path, "service"), f"{error}; {service.install()}", "refused")) from error


class _Refused(Exception):
    """Of a service or its settings. wrong: where, in which words, and pydantic's word for the kind of mistake."""

    def __init__(self, *wrong: Wrong) -> None:
        super().__init__(*wrong)
        self.wrong = wrong


def _as_pydantic_would(wrong: Sequence[Wrong]) -> Exception:
    """A ValidationError, so that each mistake is told at its place in the file."""
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    details = [
        InitErrorDetails(type=PydanticCustomError(kind, "{words}", {"words": words}), loc=path, input=None)
        for path, words, kind in wrong
    ]
    return ValidationError.from_exception_data("pipecat", details)


def quiet() -> None:
    """pipecat logs every word of a call, and greets on import. Its errors are told by the engine."""
    from loguru import logger

    logger.disable("pipecat")
