"""What it costs to begin: importing, installing the core, loading and checking a graph.

    python -m benchmarks.startup

Import: fresh processes, interleaved with an empty one, whose time is taken off. Install: the core into a new
environment, its site-packages measured without pip's own. Graph: loaded, checked and planned after everything is
imported, on a graph of 70 lines made from graphs/local.yaml.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.machine import save
from voicegraph.graph import compile_plan, load

ROOT = Path(__file__).parent.parent
ROUNDS = 15


def wall_ms(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - began) * 1000


def import_ms() -> dict[str, float]:
    taken = [(wall_ms("import voicegraph"), wall_ms("pass")) for _ in range(ROUNDS)]
    net = sorted(full - empty for full, empty in taken)
    return {"median_ms": round(statistics.median(net), 1), "min_ms": round(net[0], 1), "max_ms": round(net[-1], 1)}


def core_megabytes() -> float:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
        site = next((Path(folder) / "lib").glob("python*")) / "site-packages"
        own = [path for path in site.iterdir() if not path.name.startswith(("pip", "setuptools", "pkg_resources"))]
        files = [file for path in own for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
        return round(sum(file.stat().st_size for file in files) / 1e6, 1)


def graph_ms() -> dict[str, float]:
    """The local graph, with custom nodes' worth of comment-free lines added until it has 70."""
    text = "\n".join(
        line for line in (ROOT / "graphs" / "local.yaml").read_text().splitlines() if line and not line.startswith("#")
    )
    extra: list[str] = []
    nodes, flow = text.split("\nflow:\n")
    for index in range((70 - len(text.splitlines())) // 4):
        extra += [f"  tts{index}:", "    use: piper.tts", "    with: {speed: 1.1}"]
        flow = f"  - sentences -> tts{index} -> line\n{flow}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.yaml"
        path.write_text("\n".join([nodes, *extra, "flow:", flow, ""]))
        lines = len(path.read_text().splitlines())
        taken: list[float] = []
        compile_plan(load(path))
        for _ in range(50):
            began = time.perf_counter()
            compile_plan(load(path))
            taken.append((time.perf_counter() - began) * 1000)
    return {"lines": lines, "median_ms": round(statistics.median(taken), 2), "max_ms": round(max(taken), 2)}


def main() -> None:
    results = {"import": import_ms(), "core_install_mb": core_megabytes(), "load_check_plan": graph_ms()}
    Console().print(results)
    save("startup", results, ("voicegraph", "pydantic", "msgspec", "pyyaml", "typer"))


if __name__ == "__main__":
    main()
