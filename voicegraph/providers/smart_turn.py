"""Smart Turn on onnxruntime: how likely a caller who pauses is done, by how they sound.

The encoder of Whisper tiny and a classifier, for 23 languages. The model, and how it takes its input, are Daily's:
https://github.com/pipecat-ai/smart-turn.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicegraph.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 16_000
WINDOW = 8 * RATE
"""Samples that the model looks at: the last 8 s."""
BANDS, FRAMES = 80, 800
"""The spectrogram of it, in frames of 10 ms."""
INPUT = "input_features"


class SmartTurn:
    """The loaded model, for all calls of the process. `run` is thread-safe, and keeps nothing from one to the next."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        ort: Any = importlib.import_module("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"{model} is not a model that onnxruntime can load: {error}") from error
        takes = {taken.name: taken.shape[1:] for taken in self._session.get_inputs()}
        if takes != {INPUT: [BANDS, FRAMES]}:
            raise ModelError(
                f"{model} is not a Smart Turn v3, which takes {INPUT} of {BANDS} x {FRAMES}: it takes {takes}"
            )

    def judge(self, pcm: bytes) -> float:
        """The probability that a turn which sounds like this is complete, 0 to 1. Blocks: 45 ms.

        pcm: PCM16 at 16 kHz, from the beginning of the turn to the present pause; the last 8 s of it count.
        """
        output = self._session.run(None, {INPUT: features(pcm)[None]})[0]
        return float(output[0, 0])


def features(pcm: bytes) -> Floats:
    """What the model takes, (80, 800): the log-mel spectrogram of 8 s with the sound at their end, at unit variance.

    In double precision, as the model's authors do it: the quantised network turns rounding errors into hundredths.
    """
    import numpy as np

    from voicegraph.audio.mel import log_mel

    window = np.zeros(WINDOW, np.float32)
    sound = np.frombuffer(pcm, "<i2")[-WINDOW:]
    window[WINDOW - len(sound) :] = sound / np.float32(32_768)
    window = (window - window.mean()) / np.sqrt(window.var() + np.float32(1e-7))
    return log_mel(window.astype(np.float64), FRAMES, BANDS)
