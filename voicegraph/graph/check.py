"""Checks a graph file against the node types that there are. Each phase is a module of `checks/`, listed here in order.

* `imports`: the user's node types are registered
* `types`: what each node is
* `tools`: functions that language models may call are there, and can be called
* `actions`: so is what is done when nothing else has helped, with its arguments
* `configuration`: each node's settings are right, and at which rates it takes and gives sound
* `wires`: which frames flow from whom to whom
* `topology`: everything is used and reached, and nothing goes in circles
* `policy`: fallbacks can stand in, what is to be said can be said, and budgets name something
* `requirements`: packages and keys are there

A phase goes on with what the ones before it could find out, so that one mistake is told once and all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.graph.checks.actions import find_actions
from voicegraph.graph.checks.configuration import configure_nodes
from voicegraph.graph.checks.policy import check_budgets, check_cache, check_fallbacks, check_recover, check_voice
from voicegraph.graph.checks.requirements import check_converters, check_packages, check_variables
from voicegraph.graph.checks.tools import find_tools
from voicegraph.graph.checks.topology import check_cycles, check_reached, check_silence, check_used
from voicegraph.graph.checks.types import check_one_line, find_types
from voicegraph.graph.checks.wires import find_edges
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.imports import run_imports
from voicegraph.graph.model import Graph, GraphFile
from voicegraph.graph.tree import Map


def check(file: GraphFile, tree: Map, report: Report, *, environment: Mapping[str, str], ready: bool) -> Graph:
    """The checked graph. Raises GraphError if the report holds an error, from here or from before.

    environment: where API keys are looked for. ready: missing keys and packages are errors, not warnings.
    """
    imported = run_imports(file, report)
    kinds = find_types(file, report, imported=imported)
    line = check_one_line(file, kinds, report)
    tools = find_tools(file, kinds, line, report)
    actions = find_actions(file, kinds, line, report)
    nodes = configure_nodes(file, kinds, report, tools, actions)
    edges = find_edges(file, kinds, report)

    check_used(file, report)
    check_cycles(file, edges, line, report)
    check_reached(file, kinds, edges, line, report)
    check_silence(file, line, report)
    check_fallbacks(file, kinds, edges, line, report)
    check_recover(file, kinds, line, report)
    check_cache(file, kinds, report)
    check_voice(file, kinds, edges, line, report)
    check_budgets(file, report)
    check_packages(file, kinds, report, ready=ready)
    check_variables(file, kinds, environment, report, ready=ready)
    check_converters(nodes, edges, report, ready=ready)

    report.raise_errors()
    return Graph(file, tree, nodes, edges, line, report.sorted)
