"""What each node is: its `use`, looked up among the registered node types."""

from __future__ import annotations

from voicegraph.errors import UnknownNodeType, VoicegraphError
from voicegraph.graph.diagnostics import Note, Report
from voicegraph.graph.model import GraphFile, Word
from voicegraph.graph.tree import plain_data
from voicegraph.graph.wording import near, quote
from voicegraph.node import NodeType, lookup


def find_types(file: GraphFile, report: Report, *, imported: bool) -> dict[str, NodeType]:
    """The node type of every node that has one.

    imported: False if an import failed, which then explains the types that nothing is known of.
    """
    looked_up: dict[str, NodeType | UnknownNodeType | None] = {}
    for node in file.nodes.values():
        use = node.use
        if not use.text:
            continue
        if use.text not in looked_up:
            looked_up[use.text] = _look_up(use, report)
        unknown = looked_up[use.text]
        if isinstance(unknown, UnknownNodeType) and (imported or near(use.text, [unknown.near or ""], 0.85)):
            report.error("unknown-node-type", f"no node type {quote(use.text)}", use.span, _hint(use, unknown))
    found = ((node, looked_up.get(node.use.text)) for node in file.nodes.values())
    return {
        node.name.text: kind.with_settings(plain_data(node.config) if node.config else {})
        for node, kind in found
        if isinstance(kind, NodeType)
    }


def _look_up(use: Word, report: Report) -> NodeType | UnknownNodeType | None:
    try:
        return lookup(use.text)
    except UnknownNodeType as error:
        return error
    except VoicegraphError as error:
        report.error("broken-node-type", str(error), use.span, "mend or update that package")
        return None


def _hint(use: Word, unknown: UnknownNodeType) -> str:
    if unknown.near:
        return f"did you mean {quote(unknown.near)}?"
    if "/" in use.text or use.text.endswith(".py") or ":" in use.text:
        return "`use` takes no path: put the file under `imports`, and here the name in its @node(...)"
    return "`voicegraph nodes` lists them; your own come from `imports`"


def check_one_line(file: GraphFile, kinds: dict[str, NodeType], report: Report) -> str | None:
    """The name of the graph's line, if it has one."""
    lines = [file.nodes[name] for name, kind in kinds.items() if kind.line]
    for line in lines[1:]:
        first = Note("the first line is here", lines[0].use.span)
        message = f"a second line: {quote(line.name.text)}"
        report.error("two-lines", message, line.use.span, "a graph serves one call on one line", (first,))
    return lines[0].name.text if lines else None
