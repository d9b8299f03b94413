"""What holds for all tests: nothing is left in the user's own folders, and no example fails for being slow."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import settings

settings.register_profile("voicegraph", deadline=None)  # machines are noisy: how long an example takes is no failure
settings.load_profile("voicegraph")

_numbers = count()


@pytest.fixture(autouse=True)
def _phrases_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of phrases for each test, made only if something is kept there."""
    folder = tmp_path_factory.getbasetemp() / f"phrases-{next(_numbers)}"
    monkeypatch.setenv("VOICEGRAPH_PHRASES", str(folder))
