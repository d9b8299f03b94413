"""For the tests of people's nodes and graphs, as for our own."""

from voicegraph.testing.nodes import run_node
from voicegraph.testing.trace import Trace
from voicegraph.testing.virtual import VirtualLoop, run_virtual

__all__ = ["Trace", "VirtualLoop", "run_node", "run_virtual"]
