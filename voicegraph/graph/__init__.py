"""Graph files: YAML text -> a checked graph -> a plan for the engine. Nothing in here runs a call.

    graph = load("graphs/local.yaml")     # raises GraphError, which holds every mistake with its place and its fix
    plan = compile_plan(graph)

One phase a module, in this order: `source` (text with places), `tree` (YAML), `references` (`${env:X}`), `shorthand`
and `layers` (`pipeline`, `extends`, `--set`), `parse` and `recovery` (keys and shapes), `imports`, `check` (see its
table), `compile` with `formats` (converters). Beside them `expand`, `draw` and `schema`: a graph as YAML, as a picture,
as a JSON Schema.
"""

from voicegraph.graph.compile import compile_plan
from voicegraph.graph.diagnostics import Diagnostic, GraphError
from voicegraph.graph.loading import load, loads
from voicegraph.graph.model import Graph
from voicegraph.graph.plan import Edge, Plan, PlannedNode, Recover
from voicegraph.graph.render import FORMATS

__all__ = [
    "FORMATS",
    "Diagnostic",
    "Edge",
    "Graph",
    "GraphError",
    "Plan",
    "PlannedNode",
    "Recover",
    "compile_plan",
    "load",
    "loads",
]
