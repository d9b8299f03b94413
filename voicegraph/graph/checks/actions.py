"""What is done when nothing else has helped: each `then` names a tool that is there, and gives it what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from voicegraph.graph.checks.settings import Taker, keys_in, meant_as_text, tell
from voicegraph.graph.checks.tools import Finder
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import GraphFile, WrittenAction
from voicegraph.graph.plan import Action
from voicegraph.graph.tree import Map, plain_data
from voicegraph.node import NodeType

if TYPE_CHECKING:
    from voicegraph.tools.reading import Tool


def find_actions(file: GraphFile, kinds: Mapping[str, NodeType], line: str | None, report: Report) -> dict[str, Action]:
    """What each node's `then` stands for. line: name of the graph's line, which has to be able to do it."""
    finder = Finder(file, kinds, line, report)
    written = {name: node.recover.then for name, node in file.nodes.items() if node.recover and node.recover.then}
    tools = {name: finder.find_one(then.tool) for name, then in written.items()}
    return {name: _action(tool, written[name], report) for name, tool in tools.items() if tool}


def _action(tool: Tool, written: WrittenAction, report: Report) -> Action:
    """The tool with its arguments; wrong ones are told."""
    from pydantic import ValidationError

    arguments = written.arguments or Map(written.tool.span)
    try:
        try:
            tool.arguments.check(plain_data(arguments))
        except ValidationError as error:
            arguments = meant_as_text(arguments, error)
            tool.arguments.check(plain_data(arguments))
    except ValidationError as error:
        name = written.tool.text
        needs = ", ".join(f"{each}: …" for each in tool.arguments.schema.get("required", ()))
        known = partial(keys_in, tool.arguments.schema)
        taker = Taker(name, written.tool.span, "argument", "bad-value", known, f"write `then: {{{name}: {{{needs}}}}}`")
        tell(error, arguments, taker, report)
    return Action(tool, plain_data(arguments), written.tool.text)
