"""Scripted nodes: they need nothing installed, take the places of models and vendors, and do what a test says.

Each does one job on simulated speech (voicegraph.testing.speech). Importing this registers them all.
"""

from voicegraph.testing.scripted.judge import ScriptedJudge
from voicegraph.testing.scripted.llm import Says, ScriptedLLM, Tool
from voicegraph.testing.scripted.resample import ScriptedResample
from voicegraph.testing.scripted.stt import ScriptedSTT
from voicegraph.testing.scripted.tts import ScriptedTTS
from voicegraph.testing.scripted.vad import ScriptedVAD

__all__ = [
    "Says",
    "ScriptedJudge",
    "ScriptedLLM",
    "ScriptedResample",
    "ScriptedSTT",
    "ScriptedTTS",
    "ScriptedVAD",
    "Tool",
]
