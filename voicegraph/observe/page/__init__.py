"""The page of a call, or of a bench of many: one HTML file that needs no network and nothing beside it."""

from voicegraph.observe.page.document import Report, render, write

__all__ = ["Report", "render", "write"]
