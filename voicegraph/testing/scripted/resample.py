"""A converter that keeps simulated speech intact, and needs nothing installed."""

from __future__ import annotations

from typing import Any

from voicegraph.node import node
from voicegraph.processors.resample import Resample
from voicegraph.testing.recoder import Recoder


@node("scripted.resample")
class ScriptedResample(Resample):
    """Brings sound to `rate`, in Hz: simulated speech word for word, other sound roughly."""

    def warm(self) -> None:
        """There is nothing to load."""

    def _stream(self, source: int) -> Any:
        return Recoder(source, self.rate)
