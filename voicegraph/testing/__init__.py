"""For the tests of people's nodes and graphs, as for our own."""

from voicegraph.testing.nodes import run_node

__all__ = ["run_node"]
