"""Piper voices: phonemes to sound, on onnxruntime, in pieces that come while the rest is being made."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from voicegraph.errors import ModelError
from voicegraph.providers.phonemes import BEGIN, END, PAD, Phonemizer, phonemizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]

FIRST = 16
"""Frames (of 11.6 ms) in a sentence's first piece. Later pieces are each twice as long, so that the next one is made in
a third of the time for which one sounds, up to LONGEST."""
LONGEST = 192
FLOW_REACH = 32
"""Frames on each side that a frame depends on in the flow: 4 couplings of 4 layers with kernel 5."""
DECODER_REACH = {"high": 14}
"""And in the decoder, by the quality of the voice: its convolutions in frames, added up."""
REACH = 10

SILENCE = 0.002
"""Amplitude below which sound is silence: above a voice's own noise, below the beginning of an f."""
LEAD = 0.04
"""Seconds of silence kept before a sentence. The model makes up to 70 ms, which the caller would wait for."""
PAUSE = 0.1
PAUSES = {".": 0.25, "!": 0.25, "?": 0.25, ":": 0.2}
"""Seconds of silence kept at most behind a text, by its last character; a clause is followed by its sentence's rest."""


class _Audio(msgspec.Struct):
    sample_rate: int
    quality: str = ""


class _Espeak(msgspec.Struct):
    voice: str = "en-us"


class _Inference(msgspec.Struct):
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class Description(msgspec.Struct):
    """What we use of a voice's .json."""

    audio: _Audio
    phoneme_id_map: dict[str, list[int]]
    phoneme_type: Literal["espeak"] = "espeak"
    espeak: _Espeak = msgspec.field(default_factory=_Espeak)
    inference: _Inference = msgspec.field(default_factory=_Inference)


@dataclass(frozen=True)
class Manner:
    """How to speak. speed: 1 is the voice's own. The noises are of timbre and of rhythm; None is the voice's own."""

    speed: float = 1.0
    noise_scale: float | None = None
    noise_w: float | None = None
    speaker: int = 0


class Voice:
    """One loaded voice, for all calls of the process. rate: samples per second."""

    def __init__(self, path: Path, phonemes: Phonemizer, threads: int) -> None:
        described = describe(path)
        self.rate = described.audio.sample_rate
        self._own = described.inference
        self._reach = DECODER_REACH.get(described.audio.quality, REACH)
        self._phonemes = phonemizer(phonemes, described.espeak.voice, described.phoneme_id_map)
        self._stages = _load(path, threads)

    def speak(self, text: str, manner: Manner) -> Iterator[bytes]:
        """PCM of a text, piece by piece; nothing for one without a word in it. Each step blocks while it computes."""
        if ids := self._phonemes(text):
            pause = PAUSES.get(text.rstrip()[-1], PAUSE)
            for sound in trimmed(self._sound(ids, manner), int(LEAD * self.rate), int(pause * self.rate)):
                yield (sound.clip(-1.0, 1.0) * 32_767).astype("<i2").tobytes()

    def _sound(self, ids: list[int], manner: Manner) -> Iterator[Sound]:
        feeds = self._feeds(ids, manner)
        first, *rest = self._stages
        if not rest:
            yield first.run(feeds)[0].reshape(-1)
            return
        flow, decoder = rest
        latent, mask = first.run(feeds)
        total = latent.shape[2]
        start, size = 0, FIRST
        while start < total:
            stop = start + size if start + 2 * size < total else total  # no crumb at the end
            wide = slice(max(0, start - self._reach), stop + self._reach)
            around = slice(max(0, wide.start - FLOW_REACH), wide.stop + FLOW_REACH)
            (frames,) = flow.run(feeds, latent[:, :, around], mask[:, :, around])
            frames = frames[:, :, wide.start - around.start :][:, :, : wide.stop - wide.start]
            sound = decoder.run(feeds, frames)[0].reshape(-1)
            hop = sound.size // frames.shape[2]
            yield sound[(start - wide.start) * hop : (stop - wide.start) * hop]
            start, size = stop, min(2 * size, LONGEST)

    def _feeds(self, ids: list[int], manner: Manner) -> dict[str, Any]:
        import numpy as np

        noise = self._own.noise_scale if manner.noise_scale is None else manner.noise_scale
        rhythm = self._own.noise_w if manner.noise_w is None else manner.noise_w
        length = self._own.length_scale / manner.speed
        return {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, length, rhythm], np.float32),
            "sid": np.array([manner.speaker], np.int64),
        }


class Stage:
    """One graph. Its inputs are those of the whole voice, by name, and then what the stage before gives."""

    def __init__(self, model: bytes, threads: int) -> None:
        ort: Any = importlib.import_module("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [value.name for value in self._session.get_inputs()]

    def run(self, feeds: dict[str, Any], *before: Sound) -> list[Sound]:
        handed = iter(before)
        given = {name: feeds[name] if name in feeds else next(handed) for name in self._inputs}
        result: list[Sound] = self._session.run(None, given)
        return result


def describe(path: Path) -> Description:
    """What the .json beside a voice's .onnx says. Raises ModelError."""
    beside = path.with_name(path.name + ".json")
    try:
        description = msgspec.json.decode(beside.read_bytes(), type=Description)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: a Piper voice needs its {beside.name} beside it") from error
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{beside}: not the description of a Piper voice: {error}") from error
    if lacking := {BEGIN, END, PAD} - description.phoneme_id_map.keys():
        raise ModelError(f"{beside}: not the description of a Piper voice: no ids for {', '.join(sorted(lacking))}")
    return description


def _load(path: Path, threads: int) -> list[Stage]:
    """Text, flow and decoder; or the whole in one, which speaks only once a sentence is done."""
    from voicegraph.models import vits

    try:
        whole = path.read_bytes()
        parts = vits.split(whole)
        return [Stage(part, threads) for part in ((parts.text, parts.flow, parts.decoder) if parts else (whole,))]
    except Exception as error:
        raise ModelError(f"{path} is not a Piper voice that onnxruntime can load: {error}") from error


def trimmed(pieces: Iterable[Sound], lead: int, pause: int) -> Iterator[Sound]:
    """The pieces with at most `lead` samples of silence before and `pause` behind. Silence inside stays."""
    import numpy as np

    held = np.empty(0, np.float32)
    begun = False
    for piece in pieces:
        sound = np.concatenate((held, piece))
        loud = np.flatnonzero(np.abs(sound) > SILENCE)
        if not loud.size:
            held = sound if begun else sound[-lead:] if lead else sound[:0]
            continue
        start = 0 if begun else max(0, int(loud[0]) - lead)
        stop = int(loud[-1]) + 1
        yield sound[start:stop]
        held, begun = sound[stop:], True
    if begun and held[:pause].size:
        yield held[:pause]
