"""Settings under `with`, as each node type's fields want them: pydantic's findings, put at their places in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from voicegraph.graph.checks.settings import Setting, known_keys, locate
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.formats import given_rates, taken_rates
from voicegraph.graph.model import GraphFile, Node, WrittenNode
from voicegraph.graph.tree import Map, Scalar, change, plain_data
from voicegraph.graph.wording import did_you_mean, one_of, quote
from voicegraph.node import NodeType

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_TEXT_WANTED = ("string_type", "literal_error", "enum")
_PREFIXES = ("Value error, ", "Assertion failed, ", "Input ")


def configure_nodes(
    file: GraphFile,
    kinds: Mapping[str, NodeType],
    report: Report,
    found: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Node]:
    """The nodes whose type is known, configured. Wrong settings are told, and such a node has no configuration.

    found: of each node, values of settings that were looked up already.
    """
    return {name: _configure(file.nodes[name], kind, report, found.get(name, {})) for name, kind in kinds.items()}


def _configure(written: WrittenNode, kind: NodeType, report: Report, found: Mapping[str, Any]) -> Node:
    settings = written.config or Map(written.use.span)
    config, instance = _validate(written, kind, settings, report, found)
    try:
        return Node(written, kind, config, taken_rates(kind, instance), given_rates(kind, instance))
    except Exception as error:  # noqa: BLE001 - a property of the user's class runs here
        message = f"the sample rates of {quote(kind.name)} cannot be told: {error}"
        report.error("bad-rate", message, written.use.span, "this is a mistake in the node type")
        return Node(written, kind, config)


def _validate(
    written: WrittenNode, kind: NodeType, settings: Map, report: Report, found: Mapping[str, Any]
) -> tuple[dict[str, Any], Any]:
    """The values, and an instance made from them; None if that cannot be, which the report then explains."""
    from pydantic import ValidationError

    values = {**plain_data(settings), **found}
    try:
        try:
            return values, kind.configure(values)
        except ValidationError as error:
            values = {**plain_data(_meant_as_text(settings, error)), **found}
            return values, kind.configure(values)
    except ValidationError as error:
        _tell(error, written, kind, settings, report)
    except ImportError as error:
        if not kind.missing_packages():  # those are told by `requirements`
            report.error("bad-config", f"{quote(kind.name)} cannot be made: {error}", written.use.span)
    except Exception as error:  # noqa: BLE001 - `__post_init__` of the user's class runs here
        message = f"{quote(kind.name)} cannot be made: {type(error).__name__}: {error}"
        report.error("bad-config", message, written.use.span, "do its settings fit together?")
    return values, None


def _meant_as_text(settings: Map, error: ValidationError) -> Map:
    """The same settings with numbers as they are written (`model: 4.10`) where the node's field wants text."""
    places = {
        found.tree.span
        for each in error.errors()
        if each["type"] in _TEXT_WANTED and isinstance((found := locate(settings, each["loc"])).tree, Scalar)
    }
    return change(settings, lambda s: replace(s, plain=False) if s.span in places and s.value is not None else s)


def _tell(error: ValidationError, written: WrittenNode, kind: NodeType, settings: Map, report: Report) -> None:
    told: dict[Setting, list[str]] = {}
    for each in error.errors():
        setting = locate(settings, each["loc"])
        if isinstance(setting.tree, Scalar) and setting.tree.fault:
            continue
        if each["type"] in _UNKNOWN:
            known = known_keys(kind, setting.path[:-1])
            hint = did_you_mean(setting.path[-1], known) or (one_of(known) if known else "it takes no settings")
            message = f"{quote(kind.name)} has no setting {quote(setting.name)}"
            report.error("unknown-key", message, setting.key or written.use.span, hint)
        elif each["type"] in _MISSING:
            name = ".".join((*setting.path, str(each["loc"][-1])))
            place = setting.tree.span if setting.path else written.use.span
            report.error("missing-key", f"{quote(kind.name)} needs {quote(name)}", place, "add it under `with`")
        else:
            told.setdefault(setting, []).append(_words(each))
    for setting, words in told.items():  # several for one setting are the branches of a union
        first, *others = dict.fromkeys(words)
        message = " or ".join([first, *(other.removeprefix("should be ") for other in others)])
        colon = "" if first.startswith("should ") else ":"
        subject = quote(setting.name) if setting.path else quote(kind.name)
        place = setting.tree.span if setting.path else written.use.span
        report.error("bad-config", f"{subject}{colon} {message}", place)


def _words(error: ErrorDetails) -> str:
    words = error["msg"]
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    return words
