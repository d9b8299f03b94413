"""What has to be there before a call: installed packages, and the keys of vendors. All that is missing is told."""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Diagnostic, Report
from voicegraph.graph.formats import CONVERTER, conversion
from voicegraph.graph.model import GraphFile, Node
from voicegraph.graph.plan import Edge
from voicegraph.graph.source import Span
from voicegraph.graph.tree import plain_data
from voicegraph.graph.wording import listed, near, quote
from voicegraph.node import NodeType, lookup

ALIKE = 0.8
"""Similarity from which on one variable was meant to be another. Those of two vendors end alike: `..._API_KEY`."""


def check_packages(file: GraphFile, kinds: Mapping[str, NodeType], report: Report, *, ready: bool) -> None:
    """Every node's packages are installed. None is imported."""
    for name, kind in kinds.items():
        if missing := kind.missing_packages():
            message = f"{quote(kind.name)} needs {listed(missing)}"
            _tell(report, "missing-package", message, file.nodes[name].use.span, _install(kind, missing), ready=ready)


def check_variables(
    file: GraphFile, kinds: Mapping[str, NodeType], environment: Mapping[str, str], report: Report, *, ready: bool
) -> None:
    """Every node's environment variables are set, and not empty."""
    for name, kind in kinds.items():
        config = file.nodes[name].config
        for variable in kind.variables(plain_data(config) if config else {}):
            if not environment.get(variable):
                similar = near(variable, (each for each in environment if each != variable), ALIKE)
                message = f"{quote(name)} ({kind.name}) needs the environment variable `{variable}`"
                hint = f"did you mean {quote(similar)}?" if similar else f"export {variable}=..."
                _tell(report, "missing-variable", message, file.nodes[name].use.span, hint, ready=ready)


def check_converters(nodes: Mapping[str, Node], edges: tuple[Edge, ...], report: Report, *, ready: bool) -> None:
    """Where audio formats differ, resampling is possible. Told once, at the first node that needs it."""
    for edge in edges:
        if edge.giver in nodes and edge.taker in nodes and conversion(edge, nodes) is not None:
            kind = lookup(CONVERTER)
            if missing := kind.missing_packages():
                place = nodes[edge.giver].written.use.span
                message = f"its audio has to be resampled for {quote(edge.taker)}, which needs {listed(missing)}"
                _tell(report, "missing-package", message, place, _install(kind, missing), ready=ready)
            return


def _install(kind: NodeType, missing: tuple[str, ...]) -> str:
    if kind.install:
        return kind.install
    return f'pip install "voicegraph[{kind.extra}]"' if kind.extra else f"pip install {' '.join(missing)}"


def _tell(report: Report, code: Code, message: str, place: Span, hint: str, *, ready: bool) -> None:
    report.add(Diagnostic(code, message, place, hint, "error" if ready else "warning"))
