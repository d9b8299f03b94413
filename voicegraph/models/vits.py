"""Cuts the ONNX graph of a VITS voice into three, so that a sentence can be heard before all of it is made.

A VITS voice (Kim et al. 2021, https://arxiv.org/abs/2106.06103) is a chain: the *text* part turns phonemes into frames
of a latent, needs the whole sentence and costs little; the *flow* and the *decoder* turn frames into sound, are most of
the work, and are convolutions: a frame depends on a bounded number of neighbours. So flow and decoder can be run on a
stretch of frames and its surroundings, and give exactly what they give for the whole.

Only node wiring is touched, through a schema of the few fields of ONNX that hold it; protobuf carries all else along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

SCHEMA = {  # field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
    "Model": {"graph": (7, "Graph")},
    "Graph": {
        "node": (1, "Node*"),
        "initializer": (5, "Tensor*"),
        "input": (11, "Value*"),
        "output": (12, "Value*"),
    },
    "Node": {"input": (1, "string*"), "output": (2, "string*"), "name": (3, "string")},
    "Tensor": {"name": (8, "string")},
    "Value": {"name": (1, "string"), "type": (2, "Type")},
    "Type": {"tensor": (1, "TensorType")},
    "TensorType": {"element": (1, "int32")},
}
FLOAT = 1
DECODER_WEIGHT = "dec.conv_pre.weight"
FLOW_NODES = "/flow/"


@dataclass(frozen=True)
class Parts:
    """The three graphs, as ONNX files. text: phonemes to latent and mask; flow: those to frames; decoder: to sound."""

    text: bytes
    flow: bytes
    decoder: bytes


def split(voice: bytes) -> Parts | None:
    """The parts of a voice as Piper exports it; None where its graph is another."""
    kind = _classes()["Model"]
    model = kind.FromString(voice)
    nodes = model.graph.node
    producer = {name: node for node in nodes for name in node.output}
    frames = next((n.input[0] for n in nodes if len(n.input) > 1 and n.input[1] == DECODER_WEIGHT), None)
    latent = next((n.input[0] for n in nodes if n.name.startswith(FLOW_NODES)), None)
    masked = producer.get(frames)  # frames = flow's result * mask
    if frames is None or latent is None or masked is None or len(masked.input) != 2:
        return None
    mask = masked.input[1]
    sound = [value.name for value in model.graph.output]
    shell = kind.FromString(voice)  # what the parts have in common
    for field in SCHEMA["Graph"]:
        shell.graph.ClearField(field)
    return Parts(
        text=_part(model.graph, shell, takes=(), gives=(latent, mask)),
        flow=_part(model.graph, shell, takes=(latent, mask), gives=(frames,)),
        decoder=_part(model.graph, shell, takes=(frames,), gives=sound),
    )


def _part(whole: Any, shell: Any, takes: Collection[str], gives: Collection[str]) -> bytes:
    """The graph between these tensors, with what it needs of the model's own inputs."""
    part = _classes()["Model"]()
    part.CopyFrom(shell)
    graph = part.graph
    used = _upstream(whole.node, takes, gives)
    graph.node.extend(node for node in whole.node if not used.isdisjoint(node.output) and not _any(node.output, takes))
    graph.initializer.extend(tensor for tensor in whole.initializer if tensor.name in used)
    graph.input.extend(value for value in whole.input if value.name in used)
    own = {value.name: value for value in whole.output}
    for name in takes:
        _declare(graph.input, name)
    for name in gives:
        if name in own:
            graph.output.append(own[name])
        else:
            _declare(graph.output, name)
    data: bytes = part.SerializeToString()
    return data


def _upstream(nodes: Iterable[Any], takes: Collection[str], gives: Collection[str]) -> set[str]:
    """Every tensor that `gives` depend on, as far back as `takes`."""
    producer = {name: node for node in nodes for name in node.output}
    seen: set[str] = set()
    ahead = list(gives)
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            if name in producer and name not in takes:
                ahead.extend(producer[name].input)
    return seen


def _any(names: Iterable[str], among: Collection[str]) -> bool:
    return any(name in among for name in names)


def _declare(values: Any, name: str) -> None:
    value = values.add(name=name)
    value.type.tensor.element = FLOAT


@cache
def _classes() -> dict[str, Any]:
    """protobuf classes for SCHEMA. Fields that it does not name are kept as they are."""
    descriptor: Any = import_module("google.protobuf.descriptor_pb2")
    descriptor_pool: Any = import_module("google.protobuf.descriptor_pool")
    message_factory: Any = import_module("google.protobuf.message_factory")
    kinds = descriptor.FieldDescriptorProto
    file = descriptor.FileDescriptorProto(name="wiring.proto", package="wiring")
    for message, fields in SCHEMA.items():
        made = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            field = made.field.add(name=name, number=number, label=label)
            plain = {"string": kinds.TYPE_STRING, "int32": kinds.TYPE_INT32}
            field.type = plain.get(kind.rstrip("*"), kinds.TYPE_MESSAGE)
            if field.type == kinds.TYPE_MESSAGE:
                field.type_name = f".wiring.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"wiring.{name}")) for name in SCHEMA}
