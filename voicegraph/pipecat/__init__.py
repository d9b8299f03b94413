"""A voicegraph graph inside a pipecat pipeline. Needs the extra `pipecat`.

pipeline = Pipeline([transport.input(), stt, GraphProcessor("brain.yaml"), tts, transport.output()])
"""

from importlib.util import find_spec

if find_spec("pipecat") is None:
    raise ModuleNotFoundError('voicegraph.pipecat needs pipecat: pip install "voicegraph[pipecat]"', name="pipecat")

from voicegraph.pipecat.processor import GraphProcessor

__all__ = ["GraphProcessor"]
