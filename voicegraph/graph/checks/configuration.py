"""Settings under `with`, as each node type's fields want them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from voicegraph.graph.checks.settings import Taker, known_keys, meant_as_text, tell
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.formats import given_rates, taken_rates
from voicegraph.graph.model import GraphFile, Node, WrittenNode
from voicegraph.graph.plan import Action
from voicegraph.graph.tree import Map, plain_data
from voicegraph.graph.wording import quote
from voicegraph.node import NodeType
from voicegraph.settings import spoken


def configure_nodes(
    file: GraphFile,
    kinds: Mapping[str, NodeType],
    report: Report,
    found: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    actions: Mapping[str, Action] = MappingProxyType({}),
) -> dict[str, Node]:
    """The nodes whose type is known, configured. Wrong settings are told, and such a node has no configuration.

    found: of each node, values of settings that were looked up already. actions: what each `then` was found to be.
    """
    return {
        name: _configure(file.nodes[name], kind, report, found.get(name, {}), actions.get(name))
        for name, kind in kinds.items()
    }


def _configure(
    written: WrittenNode, kind: NodeType, report: Report, found: Mapping[str, Any], then: Action | None
) -> Node:
    settings = written.config or Map(written.use.span)
    config, instance = _validate(written, kind, settings, report, found)
    said = spoken(instance)
    try:
        return Node(written, kind, config, taken_rates(kind, instance), given_rates(kind, instance), said, then)
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
            values = {**plain_data(meant_as_text(settings, error)), **found}
            return values, kind.configure(values)
    except ValidationError as error:
        known = partial(known_keys, kind)
        taker = Taker(kind.name, written.use.span, "setting", "bad-config", known, "add it under `with`")
        tell(error, settings, taker, report)
    except ImportError as error:
        if not kind.missing_packages():  # those are told by `requirements`
            report.error("bad-config", f"{quote(kind.name)} cannot be made: {error}", written.use.span)
    except Exception as error:  # noqa: BLE001 - `__post_init__` of the user's class runs here
        message = f"{quote(kind.name)} cannot be made: {type(error).__name__}: {error}"
        report.error("bad-config", message, written.use.span, "do its settings fit together?")
    return values, None
