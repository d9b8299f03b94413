"""The messages of the multi-context WebSocket, in the shape of the SDK's models for them (the tests hold them to it).

The SDK's own models take 80 us to make and write one, and 16 MB and 0.16 s to be imported; these take 0.2 us, and a
message with sound is read in a tenth of the time, its base64 included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

OPENING = " "
"""The text of a context's first message."""
IN_FIRST = ("generation_config", "pronunciation_dictionary_locators")
"""What else may stand in a context's first message. All other settings are the connection's."""


class Send(msgspec.Struct, omit_defaults=True, gc=False):
    """To the vendor. Which fields it has is what makes it one of the SDK's types."""

    context_id: str
    text: str | None = None
    flush: bool = False
    close_context: bool = False

    def encoded(self) -> bytes:
        return _encode(self)


def opening(context: str, voice_settings: Mapping[str, Any], first: Mapping[str, Any]) -> bytes:
    """InitializeConnectionMulti: begins a context, and says how it is to sound."""
    settings = {"voice_settings": voice_settings} if voice_settings else {}
    return _encode({"text": OPENING, "context_id": context, **settings, **first})


def speaking(context: str, text: str) -> bytes:
    """SendTextMulti: a sentence, to be made sound of at once."""
    return Send(context, f"{text.strip()} ", flush=True).encoded()


def staying(context: str) -> bytes:
    """KeepContextAlive."""
    return Send(context, "").encoded()


def closing(context: str) -> bytes:
    """CloseContext: nothing more comes for it."""
    return Send(context, close_context=True).encoded()


class Alignment(msgspec.Struct, rename="camel", gc=False):
    """When each character of a text sounds, in ms from the beginning of the message's sound."""

    chars: list[str] = []
    char_start_times_ms: list[float] = []
    char_durations_ms: list[float] = []


class Received(msgspec.Struct, rename="camel", gc=False):
    """WebsocketTtsServerMessageMulti, or an error: from the vendor. audio: as it is, no longer in base64."""

    context_id: str | None = None
    audio: bytes | None = None
    alignment: Alignment | None = None
    normalized_alignment: Alignment | None = None
    is_final: bool | None = None
    error: str | None = None
    code: int | str | None = None

    @property
    def known(self) -> bool:
        return self.audio is not None or self.alignment is not None or self.is_final is not None


receive = msgspec.json.Decoder(Received).decode
_encode = msgspec.json.Encoder().encode
