"""For the tests of people's nodes and graphs, as for our own."""

from voicegraph.testing.nodes import run_node
from voicegraph.testing.simulated import SimulatedCall
from voicegraph.testing.speech import HeardWord, hear, utter
from voicegraph.testing.stand_ins import CannotStandIn, stand_ins
from voicegraph.testing.trace import Trace
from voicegraph.testing.virtual import VirtualLoop, run_virtual

__all__ = [
    "CannotStandIn",
    "HeardWord",
    "SimulatedCall",
    "Trace",
    "VirtualLoop",
    "hear",
    "run_node",
    "run_virtual",
    "stand_ins",
    "utter",
]
