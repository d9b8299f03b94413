"""What a graph file says for the case that something fails: `recover` and `cache` of a node, and the `watchdog`.

Tells of unknown keys, wrong shapes and wrong values; knows no node types and no tools.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from voicegraph.durations import format_duration
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import WrittenAction, WrittenRecover, WrittenWatchdog
from voicegraph.graph.plan import Recover, Watchdog
from voicegraph.graph.shapes import check_keys, duration, read_value, read_words, shape_of, shaped
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null
from voicegraph.graph.wording import quote

RECOVER_KEYS = tuple(field.name for field in fields(Recover))
WATCHDOG_KEYS = tuple(field.name for field in fields(Watchdog))
CONTINUE = "continue"
"""The `then` that is nothing."""
_ACTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def _retries(tree: Scalar) -> int:
    if not re.fullmatch(r"[0-9]|10", tree.text):
        raise ValueError("a whole number from 0 to 10")
    return int(tree.text)


def _say(tree: Scalar) -> str:
    if not isinstance(tree.value, str) or not tree.text.strip():
        raise ValueError("the words to say")
    return tree.text


def _truth(tree: Scalar) -> bool:
    if tree.text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return tree.text.lower() == "true"


Readers = dict[str, Callable[[Scalar], Any]]

_RECOVER: Readers = {
    "timeout": duration,
    "stall": duration,
    "hedge": duration,
    "retries": _retries,
    "say": _say,
    "retry_primary_after": duration,
}
"""How each part of `recover` is read; apart from them `fallback`, which may be a list, and `then`, a mapping."""

SPEECHES = ("say", "sorry", "goodbye")
"""What a watchdog has said; null for nothing."""
_WATCHDOG: Readers = {"silence": duration, **dict.fromkeys(SPEECHES, _say)}


def read_recover(node: Map, report: Report) -> WrittenRecover | None:
    """What is under a node's `recover`."""
    recover = shaped(node, "recover", Map, report)
    if recover is None:
        return None
    check_keys(recover, RECOVER_KEYS, "`recover`", report)
    fallback = tuple(read_words(recover.values.get("fallback"), "fallback", report))
    policy = Recover(**_read(recover, _RECOVER, report), fallback=tuple(word.text for word in fallback))
    _check_hedge(policy, recover, report)
    _check_needs_fallback(recover, report)
    return WrittenRecover(policy, recover, fallback, _then(recover, report))


def read_watchdog(graph: Map, report: Report) -> WrittenWatchdog:
    """What is under `watchdog`, or the defaults."""
    watchdog = shaped(graph, "watchdog", Map, report)
    if watchdog is None:
        return WrittenWatchdog()
    check_keys(watchdog, WATCHDOG_KEYS, "`watchdog`", report)
    given = _read(watchdog, _WATCHDOG, report)
    for key in SPEECHES:
        if key in watchdog.values and is_null(watchdog.values[key]):
            given[key] = None
    return WrittenWatchdog(Watchdog(**given), watchdog)


def read_cache(node: Map, report: Report) -> Span | None:
    """Where a node's `cache` says `true`."""
    return node.values["cache"].span if read_value(node, "cache", _truth, report) else None


def _read(tree: Map, readers: Readers, report: Report) -> dict[str, Any]:
    """The values that are there and right."""
    read = {key: read_value(tree, key, reader, report) for key, reader in readers.items()}
    return {key: value for key, value in read.items() if value is not None}


def _check_hedge(policy: Recover, recover: Map, report: Report) -> None:
    if policy.hedge is not None and policy.timeout is not None and policy.hedge >= policy.timeout:
        message = f"`hedge` cannot be {quote(format_duration(policy.hedge))}"
        hint = f"shorter than `timeout`, which is {format_duration(policy.timeout)}"
        report.error("bad-value", message, recover.values["hedge"].span, hint)


def _check_needs_fallback(recover: Map, report: Report) -> None:
    fallback = recover.values.get("fallback")
    if fallback is not None and not is_null(fallback) and fallback != Seq(fallback.span):
        return
    for key in ("hedge", "retry_primary_after"):
        if (value := recover.values.get(key)) is not None and not is_null(value):
            hint = "name the node that stands in: `fallback: NODE`"
            report.error("missing-key", f"{quote(key)} needs a `fallback`", recover.keys[key], hint)


def _then(recover: Map, report: Report) -> WrittenAction | None:
    """A tool's name, or a mapping of it to its arguments; None for neither."""
    then = recover.values.get("then")
    if then is None or is_null(then):
        return None
    written = _written_action(then)
    if written is None:
        found = f"{len(then.values)} of them" if isinstance(then, Map) else shape_of(then)
        hint = "write the name of one tool, or that with its arguments: `{line.transfer: {to: …}}`"
        report.error("wrong-shape", f"`then` is one action, not {found}", then.span, hint)
        return None
    tool, arguments = written
    if tool.fault or (tool.text == CONTINUE and tool is then):
        return None
    if tool.text == CONTINUE or not _ACTION.fullmatch(tool.text):
        hint = "an action such as `line.transfer`, `line.hang_up`, `continue` or a tool's name"
        report.error("bad-value", f"`then` cannot be {quote(tool.written)}", then.span, hint)
        return None
    if not isinstance(arguments, Map) and not is_null(arguments):
        message = f"the arguments of {quote(tool.text)} are a mapping"
        report.error("wrong-shape", message, arguments.span, f"not {shape_of(arguments)}")
        return None
    return WrittenAction(tool, arguments if isinstance(arguments, Map) else None)


def _written_action(then: Tree) -> tuple[Scalar, Tree] | None:
    """The tool's name and its arguments, null for none."""
    if isinstance(then, Scalar):
        return then, Scalar(then.span, "", "", plain=True)
    if isinstance(then, Map) and len(then.values) == 1:
        ((name, arguments),) = then.values.items()
        return Scalar(then.keys[name], name, name), arguments
    return None
