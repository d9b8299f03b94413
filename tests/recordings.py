"""Real telephone speech for tests, and how a call brings it. Licence and words are in tests/data/README.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from voicegraph.audio.wav import read_wav
from voicegraph.frames import Audio

RATE = 16_000
WEASELS = "Weasels have eaten our phone system."
HELP = "Press star for help or pound to exit."
OPTIONS = "Press 1 to accept this call or 2 to reject it."
PASSWORD = "That password does not meet the minimum requirements for this mailbox."
FILES = {
    WEASELS: "tt-weasels.wav",
    HELP: "vm-helpexit.wav",
    OPTIONS: "followme-options.wav",
    PASSWORD: "vm-invalid-password.wav",
}


@cache
def speech(words: str) -> bytes:
    """The recording of these words, PCM16 at 16 kHz."""
    return read_wav(Path(__file__).parent / "data" / FILES[words], RATE)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def chunked(pcm: bytes, *sizes: int, at: float = 0.0) -> list[Audio]:
    """The sound as frames of so many samples each, over and over. at: position of the first, in seconds."""
    frames: list[Audio] = []
    begin = 0
    while begin < len(pcm):
        size = 2 * sizes[len(frames) % len(sizes)]
        frames.append(Audio(pcm[begin : begin + size], RATE, at + begin / (2 * RATE)))
        begin += size
    return frames
