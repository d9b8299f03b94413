"""What no test may do: leave something in the user's own folders."""

from __future__ import annotations

from itertools import count

import pytest

_numbers = count()


@pytest.fixture(autouse=True)
def _phrases_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of phrases for each test, made only if something is kept there."""
    folder = tmp_path_factory.getbasetemp() / f"phrases-{next(_numbers)}"
    monkeypatch.setenv("VOICEGRAPH_PHRASES", str(folder))
