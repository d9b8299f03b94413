"""Runs benchmarks one after the other, with the rivals' environments made where they are missing: `make bench`.

    python -m benchmarks.suite                short ones: about a quarter of an hour
    python -m benchmarks.suite --long         the others: more than an hour, most of it waiting
    python -m benchmarks.suite hop calls      these

Rivals are installed at their newest under .bench/, unless PIPECAT_PYTHON or LIVEKIT_PYTHON names an interpreter that
has them. What cannot be installed is left out of the figures, and said so. In the end the README is made anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parent.parent
SHORT = ("hop", "framework", "startup", "vad_batch")
LONG = (  # whose pipecat, but for interrupts and dead_air, is that beside voicegraph
    "interrupts",
    "calls",
    "pipecat_bridge",
    "providers",
    "dead_air",
    "chaos",
    "local_turn",
    "local_models",
    "end_of_turn",
    "wer",
)
RIVALS = {
    "PIPECAT_PYTHON": (
        "pipecat",
        ("pipecat-ai[deepgram,elevenlabs,openai,websocket]>=1.14,<2", "uvloop", "--editable", f"{ROOT}[audio]"),
    ),
    "LIVEKIT_PYTHON": ("livekit", ("livekit-agents[elevenlabs,openai]>=1.8,<2", "uvloop")),
}

console = Console()


def rival(name: str, packages: tuple[str, ...]) -> str | None:
    """The interpreter of its environment. None, with the reason told, if that cannot be made."""
    folder = ROOT / ".bench" / name
    python, installed = folder / "bin" / "python", folder / "installed"
    if installed.exists():
        return str(python)
    console.print(f"Installing {packages[0]} into {folder.relative_to(ROOT)} (some minutes, once)")
    try:
        venv.create(folder, with_pip=True)
        uv = Path(sys.executable).parent / "uv"
        quick = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
        slow = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*(quick if uv.exists() else slow), *packages], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        console.print(f"without {name}, which could not be installed: {error}", markup=False)
        return None
    installed.touch()
    return str(python)


def environment() -> dict[str, str]:
    """With the interpreters of the rivals that there are."""
    found = dict(os.environ)
    for variable, (name, packages) in RIVALS.items():
        if variable not in found and (python := rival(name, packages)):
            found[variable] = python
    return found


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.suite")
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"by default {', '.join(SHORT)}")
    asked.add_argument("--long", action="store_true", help=f"by default {', '.join(LONG)} instead")
    given = asked.parse_args()
    if unknown := set(given.names) - {*SHORT, *LONG}:
        asked.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join((*SHORT, *LONG))}")
    variables = environment()
    failed: list[str] = []
    for name in given.names or (LONG if given.long else SHORT):
        console.rule(name)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, cwd=ROOT, env=variables).returncode:
            failed.append(name)  # its old figures stay
    subprocess.run([sys.executable, "-m", "benchmarks.report"], cwd=ROOT, check=True)
    if failed:
        sys.exit(f"these failed, and their old figures stay: {', '.join(failed)}")


if __name__ == "__main__":
    main()
