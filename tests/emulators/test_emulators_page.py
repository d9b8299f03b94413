"""What docs/emulators.md shows is a script and faults that can be read, and it tells of all faults."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from tests.test_docs import ROOT, blocks
from voicegraph.emulators.faults import AnyFault, read_faults
from voicegraph.emulators.scripted import scripted

PAGE = ROOT / "docs" / "emulators.md"


def test_its_files_can_be_read(tmp_path: Path) -> None:
    script, faults = blocks(PAGE, "yaml")
    file = tmp_path / "shown.yaml"
    file.write_text(script)
    scripted(file)
    file.write_text(faults)
    assert len(read_faults(file)) == 3


def test_it_tells_of_all_faults() -> None:
    page = PAGE.read_text()
    assert [kind for kind in get_args(AnyFault) if f"\n| `{kind.kind}` |" not in page] == []
