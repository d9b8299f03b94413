"""Silero VAD: how likely a window of sound is speech. On onnxruntime, or on torch where the user installs that."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from voicegraph.errors import ModelError, VoicegraphError
from voicegraph.shared import shared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sound: TypeAlias = NDArray[np.float32]

Backend = Literal["onnx", "torch"]

RATE = 16_000
WINDOW = 512
"""Samples that one probability is for: 32 ms."""
CONTEXT = 64
"""Samples before the window that the network sees again."""


class Detector(Protocol):
    """One call's view of the shared model: it remembers the call's sound so far."""

    def probability(self, sound: Sound) -> float:
        """That WINDOW samples, in -1 to 1, are speech: 0 to 1. Takes 0.1 ms."""
        ...

    def reset(self) -> None:
        """Forgets what it has heard."""
        ...


def detector(backend: Backend, model: Path | None) -> Detector:
    """A detector for one call. Loads the model if this process has not yet; raises ModelError.

    model: the .onnx file, for `onnx`; the silero-vad package has its own weights for `torch`.
    """
    if backend == "torch":
        return TorchDetector(copy.deepcopy(shared("silero torch", _load_torch)))
    assert model is not None
    return OnnxDetector(shared(("silero onnx", model), lambda: _load_onnx(model)))


class OnnxDetector:
    """The network's state is ours to keep, so that all calls can share one session. `run` is thread-safe."""

    def __init__(self, session: Any) -> None:
        import numpy as np

        self._session = session
        self._rate = np.array(RATE, np.int64)
        self._state: Sound
        self._input: Sound
        self.reset()

    def probability(self, sound: Sound) -> float:
        self._input[0, CONTEXT:] = sound
        feeds = {"input": self._input, "state": self._state, "sr": self._rate}
        output, self._state = self._session.run(None, feeds)
        self._input[0, :CONTEXT] = sound[-CONTEXT:]
        return float(output[0, 0])

    def reset(self) -> None:
        import numpy as np

        self._input = np.zeros((1, CONTEXT + WINDOW), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)


class TorchDetector:
    """The silero-vad package's own model, which keeps its state itself: each call has a copy (2 MB, 8 ms)."""

    def __init__(self, model: Any) -> None:
        self._torch: Any = importlib.import_module("torch")
        self._model = model
        self.reset()

    def probability(self, sound: Sound) -> float:
        with self._torch.inference_mode():
            return float(self._model(self._torch.from_numpy(sound), RATE).item())

    def reset(self) -> None:
        self._model.reset_states()


def _load_onnx(model: Path) -> Any:
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a window is too small to share out
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{model} is not a model that onnxruntime can load: {error}") from error


def _load_torch() -> Any:
    try:
        package: Any = importlib.import_module("silero_vad")
    except ImportError as error:
        raise VoicegraphError(
            "silero.vad with `backend: torch` needs the silero-vad package: pip install 'voicegraph[silero]'. "
            "`backend: onnx` gives the same and does without."
        ) from error
    return package.load_silero_vad()
