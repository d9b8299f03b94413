"""The package as a whole: what imports what, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import voicegraph
from voicegraph.frames import FRAME_TYPES, Frame, Token

PACKAGE = Path(voicegraph.__file__).parent

LAYERS = [
    {"errors", "frames", "durations", "settings", "shared", "models", "audio"},
    {"call", "ports", "node"},
    {"turn_taking", "tools"},
    {"graph"},
    {"engine"},
    {"phrases", "testing", "providers", "processors", "transports", "observe", "serve", "caller"},
    {"pipecat", "pipecat_services"},
    {"emulators"},
    {"commands", "runner", "__main__"},
]
"""Lower layers first. A module imports from its own layer and from those above it in this list."""

EXCEPTIONS = {
    ("graph", "processors"),  # loading a graph registers the built-in node types, late and by name only
    ("graph", "transports"),
}


def layer(module: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if module in names)


def test_imports_go_one_way() -> None:
    wrong: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                imported = name.split(".")[1:2]
                if not name.startswith("voicegraph.") or not imported or (part, imported[0]) in EXCEPTIONS:
                    continue
                if layer(imported[0]) > layer(part):
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_importing_voicegraph_is_light() -> None:
    heavy = {"pydantic", "yaml", "typer", "rich", "loguru", "numpy", "asyncio", "onnxruntime"}
    code = f"import sys, voicegraph; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_built_in_nodes_import_no_model_library() -> None:
    heavy = {"numpy", "onnxruntime", "ctranslate2", "tokenizers", "xllamacpp", "sounddevice", "soundfile", "torch"}
    code = f"import sys, voicegraph.processors, voicegraph.transports; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_vocabulary_is_small_and_documented() -> None:
    assert len(FRAME_TYPES) < 25
    for name, frame_type in FRAME_TYPES.items():
        assert (frame_type.__doc__ or "").strip(), f"{name} says nothing of itself"
        assert issubclass(frame_type, Frame)


def test_frames_survive_the_wire() -> None:
    import msgspec

    sent = Token("hello", turn=3, born=1.5)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sent), type=Token) == sent
