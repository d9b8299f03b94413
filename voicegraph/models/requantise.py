"""Writes a language model's GGUF again with weights in a form that has fast kernels.

llama.cpp repacks Q4_0 for the vector units of the machine it runs on; the Q4_1 that SmolLM2 comes in has no such
kernels, and takes twice as long for a prompt and for a token. Figures: benchmarks/local_models.py.
"""

from __future__ import annotations

from pathlib import Path


def q4_0(original: Path, result: Path) -> None:
    """Copies a GGUF with each Q4_1 tensor as Q4_0. Raises ImportError without the `gguf` package."""
    import gguf

    reader = gguf.GGUFReader(original)
    architecture = reader.get_field(gguf.Keys.General.ARCHITECTURE)
    assert architecture is not None, "every GGUF names its architecture"
    writer = gguf.GGUFWriter(result, arch=str(architecture.contents()))
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in (gguf.Keys.General.ARCHITECTURE, gguf.Keys.General.FILE_TYPE):
            continue  # the writer's own
        of = field.types[-1] if field.types[0] is gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=of)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if kind is gguf.GGMLQuantizationType.Q4_1:
            kind = gguf.GGMLQuantizationType.Q4_0
            data = gguf.quantize(gguf.dequantize(data, tensor.tensor_type), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
