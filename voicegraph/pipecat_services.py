"""Pipecat processors of one's own, for the node type `pipecat.processor`.

    # acme.py, which the graph imports
    from voicegraph.pipecat_services import service

    @service("acme.tts")
    class AcmeTTS(TTSService): ...

    # the graph
    tts: {use: pipecat.processor, with: {service: acme.tts, settings: {voice: anna}}}

The last part of the name says what it is: `stt`, `llm`, `tts`, or `processor` for one that stands before or after such
a service. The services that come with pipecat have names already (voicegraph.providers.pipecat_catalog).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from voicegraph.errors import NodeDefinitionError

KINDS = ("stt", "llm", "tts", "processor")
_NAME = re.compile(rf"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*\.({'|'.join(KINDS)})")

T = TypeVar("T", bound=Callable[..., Any])

_own: dict[str, Callable[..., Any]] = {}


def service(name: str) -> Callable[[T], T]:
    """Registers a FrameProcessor class, or a function that makes one, under a name such as `acme.tts`.

    Raises NodeDefinitionError for a name that says no kind, or that another class has.
    """
    if not _NAME.fullmatch(name):
        raise NodeDefinitionError(
            f"`{name}` cannot be the name of a pipecat service: write a vendor and a kind, such as `acme.tts`; "
            f"the kinds are {', '.join(KINDS)}"
        )

    def register(target: T) -> T:
        known = _own.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (target.__module__, target.__qualname__):
            raise NodeDefinitionError(
                f"the pipecat service `{name}` is registered twice: by {known.__module__} and by {target.__module__}. "
                "Rename one."
            )
        _own[name] = target
        return target

    return register


def registered() -> dict[str, Callable[..., Any]]:
    """What was registered in this process, by name."""
    return dict(_own)
