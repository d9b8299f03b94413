"""Makes pipecat's services from the settings of a graph file, and tells what they refuse in their own words.

A setting goes where the service has its name: into its `Settings`, or to its constructor. What the service takes for
it is read from its annotations, so that a wrong value is told before a call and at its line.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit, urlunsplit

from voicegraph.graph.wording import did_you_mean, listed
from voicegraph.providers.pipecat_catalog import Service

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from pipecat.processors.frame_processor import FrameProcessor

KEY, SESSION, RATE = "api_key", "aiohttp_session", "sample_rate"
ADDRESSES = ("base_url", "url")
_NOT_SET = ("self", "settings", "name", "params", "task_manager", "metrics", "enable_direct_mode")
"""Parameters of constructors that are not a graph's to set: some are pipecat's own, `params` is its old way."""
_PLACEHOLDER = "not-set"
"""Stands for a key while settings are checked; that it is missing is told elsewhere."""


class Fault(NamedTuple):
    """What is wrong with a setting. path: to it, from among the settings. kind: pydantic's word for it."""

    path: tuple[str | int, ...]
    words: str
    kind: str = "value_error"


class Refused(ValueError):
    """A service refuses its settings. faults: everything that is wrong with them."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.words for fault in faults))
        self.faults = faults


class Parameter(NamedTuple):
    """What a service takes under a name. hint: its type, or None if it says none. inner: it goes into `Settings`."""

    hint: Any
    inner: bool
    default: Any = None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


def make(service: Service, settings: Mapping[str, Any], sessions: list[ClientSession] | None = None) -> FrameProcessor:
    """An instance for one call. Raises Refused, or whatever the service raises for its settings.

    sessions: where a session for HTTP is put that was made for it, to be closed by whoever closes the service. Such a
    session can be made within a loop only: RuntimeError. None: it is not to be used, and gets none.
    """
    target = service.load()
    known = parameters(target)
    values = {name: _read(known[name].hint, value, (name,)) for name, value in settings.items() if name in known}
    outer: dict[str, Any] = {name: value for name, value in values.items() if not known[name].inner}
    if KEY in known and KEY not in outer and (key := os.environ.get(service.key)):
        outer[KEY] = key
    if not any(name in values for name in ADDRESSES) and (address := os.environ.get(service.address)):
        outer.update({name: _like(address, known[name].default) for name in ADDRESSES if name in known})
    if SESSION in known and known[SESSION].required:
        outer[SESSION] = None if sessions is None else _session(sessions)
    if "audio_passthrough" not in outer and service.kind == "stt" and _is_service(target):
        outer["audio_passthrough"] = False  # nobody behind it would hear it
    inner = {name: value for name, value in values.items() if known[name].inner}
    if inner:
        outer["settings"] = cast(Any, target).Settings(**inner)
    made: FrameProcessor = target(**outer)
    return made


def _session(sessions: list[ClientSession]) -> ClientSession:
    import asyncio

    from aiohttp import ClientSession

    asyncio.get_running_loop()
    sessions.append(ClientSession())
    return sessions[-1]


def _like(address: str, default: Any) -> str:
    """An address such as http://localhost:8642, with the scheme and the path that a service wants."""
    given, wanted = urlsplit(address), urlsplit(default if isinstance(default, str) else "")
    scheme = given.scheme.replace("http", "ws") if wanted.scheme in ("ws", "wss") else given.scheme
    path = given.path if given.path.strip("/") else wanted.path
    return urlunsplit((scheme, given.netloc, path, "", ""))


def try_settings(service: Service, settings: Mapping[str, Any]) -> int | None:
    """Makes the service once in this process. Raises Refused. Returns the sample rate that it names, if it does."""
    return _try(service, repr(dict(settings)))


@lru_cache(maxsize=256)
def _try(service: Service, written: str) -> int | None:
    settings = cast(dict[str, Any], ast.literal_eval(written))
    if faults := list(_faults(service, settings)):
        raise Refused(*faults)
    if KEY in parameters(service.load()) and not os.environ.get(service.key) and service.variables():
        settings.setdefault(KEY, _PLACEHOLDER)
    try:
        made = make(service, settings)
    except Exception as error:
        if isinstance(error, RuntimeError) and "event loop" in str(error):  # it can be made within a call only
            return settings.get(RATE)
        raise Refused(Fault((), _words(error))) from error  # a vendor's constructor ran, and its words are the message
    return settings.get(RATE) or getattr(made, "_init_sample_rate", None)


def _faults(service: Service, settings: Mapping[str, Any]) -> Iterator[Fault]:
    """What can be told of the settings before the service is made."""
    known = parameters(service.load())
    for name, value in settings.items():
        if name in known:
            try:
                _read(known[name].hint, value, (name,))
            except Refused as refused:
                yield from refused.faults
        else:
            hint = did_you_mean(name, known) or f"it has {listed(sorted(known))}"
            yield Fault((name,), f"`{service.name}` has no such setting; {hint}")
    for name, parameter in known.items():
        if name == KEY and not service.variables() and not os.environ.get(service.key):
            if parameter.required and name not in settings:
                yield Fault((), f"`{service.name}` needs the environment variable `{service.key}`")
        elif parameter.required and name not in settings and name not in (KEY, SESSION):
            yield Fault((), f"`{service.name}` needs the setting `{name}`")


def other_kind(service: Service) -> str | None:
    """The kind of service that a class is by its base, where that is not the kind in its name."""
    from pipecat.services.ai_service import AIService
    from pipecat.services.llm_service import LLMService
    from pipecat.services.stt_service import STTService
    from pipecat.services.tts_service import TTSService

    target = service.load()
    bases = {"stt": STTService, "llm": LLMService, "tts": TTSService}
    if not inspect.isclass(target) or not issubclass(target, AIService) or issubclass(target, bases[service.kind]):
        return None  # what is no service at all may behave like one
    own = [base.__name__ for base in target.__mro__ if base.__module__.startswith("pipecat.services.")]
    return own[0]


@lru_cache(maxsize=256)
def parameters(target: Callable[..., Any]) -> dict[str, Parameter]:
    """What a service can be told, by name."""
    found: dict[str, Parameter] = {}
    for name, parameter, hint in _constructor(target):
        found.setdefault(name, Parameter(hint, inner=False, default=parameter.default))
    inner = getattr(target, "Settings", None)
    if inspect.isclass(inner):
        hints = _hints(inner)
        for name in getattr(inner, "__dataclass_fields__", ()):
            found[name] = Parameter(hints.get(name), inner=True)
    return {name: parameter for name, parameter in found.items() if not name.startswith("_")}


def _constructor(target: Callable[..., Any]) -> Iterator[tuple[str, inspect.Parameter, Any]]:
    """The parameters of a constructor, and of those of its bases to which it hands on what it does not know."""
    if not inspect.isclass(target):
        hints = _hints(target)
        yield from ((name, each, hints.get(name)) for name, each in inspect.signature(target).parameters.items())
        return
    fixed: set[str] = set()
    for base in target.__mro__:
        if base.__module__ == "pipecat.processors.frame_processor":
            return
        if "__init__" not in vars(base):
            continue
        init = vars(base)["__init__"]
        hints, signature = _hints(init), inspect.signature(init)
        kinds = [each.kind for each in signature.parameters.values()]
        for name, each in signature.parameters.items():
            named = each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
            if named and name not in _NOT_SET and name not in fixed:
                yield name, each, hints.get(name)
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return
        fixed |= _given(init) - set(signature.parameters)


def _given(init: Callable[..., Any]) -> set[str]:
    """What a constructor tells its base itself: a user cannot tell it once more."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (OSError, TypeError, SyntaxError):
        return set()
    calls = (each for each in ast.walk(tree) if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute))
    return {
        keyword.arg
        for call in calls
        if cast(ast.Attribute, call.func).attr == "__init__"
        for keyword in call.keywords
        if keyword.arg
    }


def _hints(of: Any) -> dict[str, Any]:
    """Annotations; those that only type checkers can read are left out."""
    try:
        return typing.get_type_hints(of)
    except Exception:  # noqa: BLE001 - annotations are the vendor's code
        return {name: hint for owner in _owners(of) for name, hint in _readable(owner)}


def _owners(of: Any) -> list[Any]:
    return list(reversed(of.__mro__)) if inspect.isclass(of) else [of]


def _readable(owner: Any) -> Iterator[tuple[str, Any]]:
    names = vars(sys.modules.get(owner.__module__, typing))
    for name, written in inspect.get_annotations(owner).items():
        try:
            yield name, eval(written, dict(names)) if isinstance(written, str) else written
        except Exception:  # noqa: BLE001 - see above
            continue


def _read(hint: Any, value: Any, path: tuple[str | int, ...]) -> Any:
    """A value as the service wants it: a model for a mapping, a member for the name of one. Raises Refused."""
    adapter = _adapter(hint)
    if adapter is None:
        return value
    from pydantic import ValidationError

    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        told = error.errors()
        deepest = max(told, key=lambda each: len([step for step in each["loc"] if step in _steps(value)]))
        wanted = "; ".join(dict.fromkeys(each["msg"] for each in told if each["type"] != "is_instance_of"))
        inside = tuple(step for step in deepest["loc"] if step in _steps(value))
        kind = "string_type" if any(each["type"] == "string_type" for each in told) else deepest["type"]
        raise Refused(Fault((*path, *inside), wanted or deepest["msg"], kind)) from error


def _steps(value: Any) -> set[str | int]:
    """Keys and places anywhere within a value."""
    if isinstance(value, Mapping):
        inside: dict[str | int, Any] = dict(cast(Mapping[str | int, Any], value))
    else:
        inside = {**dict(enumerate(cast(Sequence[Any], value)))} if isinstance(value, list) else {}
    return {*inside, *(step for each in inside.values() for step in _steps(each))}


def _adapter(hint: Any) -> Any:
    try:
        return _make_adapter(hint)
    except TypeError:  # it cannot be remembered
        return _make_adapter.__wrapped__(hint)


@lru_cache(maxsize=1024)
def _make_adapter(hint: Any) -> Any:
    if hint is None or hint is Any:
        return None
    from pydantic import ConfigDict, TypeAdapter

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
            except Exception:  # noqa: BLE001 - a model has a configuration of its own
                return TypeAdapter(hint)
    except Exception:  # noqa: BLE001 - pydantic cannot read the vendor's annotation: then the service must
        return None


def _is_service(target: Callable[..., Any]) -> bool:
    return inspect.isclass(target) and any(base.__name__ == "STTService" for base in target.__mro__)


def _words(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}".removesuffix(": ")
