"""What a result was measured on, and how results are kept."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Processor, cores, load and Python, as far as they change a figure."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions; of a package that is not there, nothing."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def save(name: str, results: Any, packages: Iterable[str], rivals: Mapping[str, str | None] | None = None) -> Path:
    """Writes benchmarks/results/NAME.json, with the command, the machine and the versions beside the figures.

    rivals: versions of those that have environments of their own.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    command = " ".join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]])
    document = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {**versions(packages), **{name: found for name, found in (rivals or {}).items() if found}},
        "results": results,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path
