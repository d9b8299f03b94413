"""Nothing of what goes wrong on purpose is written to the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logger.disable("voicegraph")
    yield
    logger.enable("voicegraph")
