"""The bot with a graph for its turns and its language model."""

import os

from pipecat.pipeline.pipeline import Pipeline
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from pipecat.transports.base_transport import BaseTransport

from voicegraph.pipecat import GraphProcessor


def bot(transport: BaseTransport) -> Pipeline:
    stt = DeepgramSTTService(api_key=os.environ["DEEPGRAM_API_KEY"])
    tts = ElevenLabsTTSService(
        api_key=os.environ["ELEVENLABS_API_KEY"],
        settings=ElevenLabsTTSService.Settings(voice="JBFqnCBsd6RMkjVDRZzb"),
    )
    brain = GraphProcessor("examples/pipecat/brain.yaml")
    return Pipeline([transport.input(), stt, brain, tts, transport.output()])
