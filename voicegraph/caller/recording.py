"""Both sides of a call as they were at the carrier: a stereo WAV, the caller left and the agent right."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable
from pathlib import Path

from voicegraph.caller.leg import Leg
from voicegraph.caller.playout import Sound
from voicegraph.caller.twilio import RATE
from voicegraph.caller.voiced import SILENCE
from voicegraph.errors import AudioError


def record(path: Path, leg: Leg) -> None:
    """Writes it. Raises AudioError."""
    import numpy as np

    from voicegraph.audio.g711 import decode_mulaw

    samples = max((sound.end for side in leg.sounds for sound in side), default=0)
    sides = [np.frombuffer(decode_mulaw(whole(side, samples)), "<i2") for side in leg.sounds]
    data = io.BytesIO()
    with wave.open(data, "wb") as writer:
        writer.setparams((2, 2, RATE, samples, "NONE", "not compressed"))
        writer.writeframesraw(np.stack(sides, axis=1).tobytes())
    try:
        path.write_bytes(data.getbuffer())
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror or error}. Choose another place for it.") from error


def whole(side: Iterable[Sound], samples: int) -> bytes:
    """With silence where nothing was."""
    codes = bytearray(SILENCE * samples)
    for sound in side:
        codes[sound.at : sound.end] = sound.codes
    return bytes(codes)
