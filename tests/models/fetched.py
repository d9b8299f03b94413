"""Real models for tests: fetched into the user's store at the first run."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicegraph import models
from voicegraph.errors import ModelError


def fetched(name: str) -> Path:
    """The model's path; skips the test where it cannot be had."""
    try:
        models.pull([name], progress=models.Silent())
        return models.path(name)
    except ModelError as error:
        pytest.skip(str(error))
