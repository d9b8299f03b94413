"""Q4_1 to Q4_0, on a GGUF of two tensors."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from voicegraph.models.requantise import q4_0

Q4_1 = gguf.GGMLQuantizationType.Q4_1


@pytest.fixture
def weights() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)


@pytest.fixture
def original(tmp_path: Path, weights: npt.NDArray[np.float32]) -> Path:
    path = tmp_path / "original.gguf"
    writer = gguf.GGUFWriter(path, arch="llama")
    writer.add_string("general.name", "toy")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_tensor("big", gguf.quantize(weights, Q4_1), raw_dtype=Q4_1)
    writer.add_tensor("small", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_only_q4_1_tensors_change(original: Path, weights: npt.NDArray[np.float32]) -> None:
    result = original.with_name("result.gguf")
    q4_0(original, result)
    big, small = gguf.GGUFReader(result).tensors
    assert (big.tensor_type, small.tensor_type) == (gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.F32)
    assert np.abs(gguf.dequantize(big.data, big.tensor_type) - weights).max() < np.abs(weights).max() / 4
    assert small.data.tolist() == [1.0] * 8


def test_what_the_file_says_of_itself_is_kept(original: Path) -> None:
    result = original.with_name("result.gguf")
    q4_0(original, result)
    before, after = (gguf.GGUFReader(path).fields for path in (original, result))
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name].contents() != after[name].contents()}
    assert changed == {"general.file_type"}
    assert after["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q4_0
