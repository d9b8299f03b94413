"""The node types that come with voicegraph."""

from __future__ import annotations

from importlib import import_module

PACKAGES = ("voicegraph.processors", "voicegraph.transports")
"""Found by name, like any other package of nodes: this package knows none of them."""


def register_builtin() -> None:
    """Registers them; at once where they are registered already."""
    for package in PACKAGES:
        import_module(package)
