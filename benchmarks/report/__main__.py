"""Makes the generated parts of README.md, and the plots.

python -m benchmarks.report            writes them
python -m benchmarks.report --check    tells what is not as results/*.json have it, with exit code 1
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.report.document import PLOTS, README, fill
from benchmarks.report.sections import made


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.report")
    asked.add_argument("--check", action="store_true", help="write nothing")
    check = asked.parse_args().check
    blocks, plots = made()
    files = {README: fill(README.read_text(), blocks)} | {PLOTS / f"{name}.svg": plot for name, plot in plots.items()}
    old = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    stale = [path for path in PLOTS.glob("*.svg") if path.stem not in plots]
    if check:
        names = ", ".join(path.name for path in (*old, *stale))
        sys.exit(f"not as the results have it: {names}" if names else 0)
    PLOTS.mkdir(exist_ok=True)
    for path in old:
        path.write_text(files[path])
    for path in stale:
        path.unlink()
    print("written:", ", ".join(path.name for path in old) or "nothing, all is as the results have it")


if __name__ == "__main__":
    main()
