"""Tools: the functions that a language model may call are found in the imported modules, and can be called."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from voicegraph.errors import ToolDefinitionError
from voicegraph.graph.diagnostics import Note, Report
from voicegraph.graph.imports import imported_modules
from voicegraph.graph.model import GraphFile
from voicegraph.graph.tree import Scalar, Seq, Tree
from voicegraph.graph.wording import did_you_mean, listed, quote
from voicegraph.node import NodeType
from voicegraph.tools import line as line_tools
from voicegraph.tools.field import tool_fields
from voicegraph.tools.reading import Tool, read_tool

LINE = "line"
"""Before the names of the tools that every graph has."""


def find_tools(
    file: GraphFile, kinds: Mapping[str, NodeType], line: str | None, report: Report
) -> dict[str, dict[str, tuple[Tool, ...]]]:
    """Of each node the fields that are told its tools, with the tools that their names stand for.

    Those that cannot be found or used are told, and left out. line: name of the graph's line.
    """
    finder = Finder(file, kinds, line, report)
    found: dict[str, dict[str, tuple[Tool, ...]]] = {}
    for name, kind in kinds.items():
        config = file.nodes[name].config
        for setting in tool_fields(kind) if config else ():
            if config and (names := _names(config.values.get(setting))) is not None:
                found.setdefault(name, {})[setting] = finder.find(names)
    return found


def _names(tree: Tree | None) -> list[Scalar] | None:
    """The names in a list; None for what is no list of texts, which the node's own type tells."""
    if not isinstance(tree, Seq):
        return None
    names = [item for item in tree.items if isinstance(item, Scalar) and isinstance(item.value, str)]
    return names if len(names) == len(tree.items) else None


class Finder:
    """Looks names up in one graph. line: name of its line."""

    def __init__(self, file: GraphFile, kinds: Mapping[str, NodeType], line: str | None, report: Report) -> None:
        self.modules = imported_modules(file)
        self.line = file.nodes[line] if line else None
        self.line_kind = kinds[line] if line else None
        self.report = report

    def find(self, names: list[Scalar]) -> tuple[Tool, ...]:
        """The tools of one node."""
        found: dict[str, tuple[Tool, Scalar]] = {}
        for name in names:
            tool = None if name.fault else self.find_one(name)
            if tool is None:
                continue
            if tool.name not in found:
                found[tool.name] = tool, name
                continue
            first = Note("the first one is here", found[tool.name][1].span)
            message = f"a second tool that models know as {quote(tool.name)}"
            self.report.error("duplicate-tool", message, name.span, "give one @tool(name=...)", (first,))
        return tuple(tool for tool, _ in found.values())

    def find_one(self, name: Scalar) -> Tool | None:
        """The tool of that name. None: there is none, or it cannot be used, and that is told."""
        function = self._look_up(name)
        if function is None:
            return None
        try:
            tool = read_tool(function)
        except ToolDefinitionError as error:
            message = f"{quote(name.text)} cannot be a tool: {'; '.join(error.lacks)}"
            self.report.error("bad-tool", message, name.span, notes=_defined(function))
            return None
        return tool if self._line_can(function, name) else None

    def _look_up(self, name: Scalar) -> object | None:
        """What a name stands for. None: nothing, and that is told."""
        module, dot, function = name.text.rpartition(".")
        files = self.modules.get(module, [])
        if None in files:
            return None  # the import that failed is told
        found = [vars(each)[function] for each in files if each and function in vars(each)]
        if module == LINE and function in line_tools.TOOLS:
            if not found:
                return line_tools.TOOLS[function]
            message = f"every graph has {quote(name.text)}, so that of {quote(f'{LINE}.py')} cannot be named"
            self.report.error("unknown-tool", message, name.span, "rename the file")
            return None
        if len(found) > 1:
            message = f"several imported files are called {quote(f'{module}.py')}, and have {quote(function)}"
            self.report.error("unknown-tool", message, name.span, "rename one of the files")
        elif not found:
            self.report.error("unknown-tool", self._missing(module, dot, function), name.span, self._hint(name.text))
        return found[0] if len(found) == 1 else None

    def _missing(self, module: str, dot: str, function: str) -> str:
        if not dot:
            return f"{quote(function)} does not say which file it is in"
        if module == LINE and module not in self.modules:
            return f"there is no {quote(f'{LINE}.{function}')}"
        if module not in self.modules:
            return f"no imported file is called {quote(f'{module}.py')}"
        return f"{quote(f'{module}.py')} has no {quote(function)}"

    def _hint(self, text: str) -> str:
        own = {
            f"{module}.{name}": name
            for module, files in self.modules.items()
            for each in files
            if each
            for name in _functions(each)
        }
        known = own | {f"{LINE}.{name}": name for name in line_tools.TOOLS}
        same = next((name for name, function in own.items() if function == text.rpartition(".")[2]), "")
        return (
            (f"did you mean {quote(same)}?" if same else did_you_mean(text, known))
            or (f"there are {listed(known)}" if own else "")
            or "write FILE.FUNCTION, with the file under `imports`: [./clinic.py]"
        )

    def _line_can(self, function: Any, name: Scalar) -> bool:
        """Whether the line has the method that a tool needs. A graph without a line is a part, for tests."""
        method = line_tools.ABILITIES.get(function) if inspect.isfunction(function) else None
        if method is None or self.line is None or self.line_kind is None or hasattr(self.line_kind.target, method):
            return True
        message = f"the line {quote(self.line_kind.name)} cannot do {quote(name.text)}"
        hint = f"it has no method `{method}`: another line, or another tool"
        self.report.error("line-cannot", message, name.span, hint, (Note("the line is here", self.line.use.span),))
        return False


def _functions(module: ModuleType) -> list[str]:
    """The names of a module's own public functions."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _defined(function: object) -> tuple[Note, ...]:
    code = getattr(function, "__code__", None)
    return (Note(f"it is defined at {code.co_filename}:{code.co_firstlineno}"),) if code else ()
