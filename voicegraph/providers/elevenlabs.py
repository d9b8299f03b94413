"""ElevenLabs: how its two nodes are told to speak, whom they ask, and which voice a name means."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from annotated_types import Interval

from voicegraph.errors import ProviderError
from voicegraph.providers.access import Checked, host_of, is_address, key_of
from voicegraph.providers.elevenlabs_errors import (
    ADDRESS,
    GARBAGE,
    KEY,
    VENDOR,
    Asked,
    failure,
    of_answer,
    of_transport,
)
from voicegraph.shared import shared

if TYPE_CHECKING:
    import ssl

ELEVENLABS = "https://api.elevenlabs.io"
GEORGE = "JBFqnCBsd6RMkjVDRZzb"
"""The id of a voice that every account may use: the one of the SDK's own examples."""

OK = 200

CONNECT = 5.0
"""Seconds for a connection to be made."""
SILENCE = 30.0
"""Seconds without an answer after which nobody waits any longer. A graph's `recover` is there for shorter ones."""
KEPT = 60.0
"""Seconds for which an idle HTTP connection is kept, so that the next sentence need not make one: 2-3 round trips."""

_ID = re.compile(r"[A-Za-z0-9]{20}")
_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost", "speed")
_WRITTEN_AS = {"model_id": "model", "voice_id": "voice", "output_format": "rate", "voice_settings": "stability"}
"""What the nodes call differently."""

Unit = Annotated[float, Interval(ge=0, le=1)]
Speed = Annotated[float, Interval(ge=0.7, le=1.2)]
PCMRate = Literal[8_000, 16_000, 22_050, 24_000, 44_100]
"""Hz. 44100 needs a paid plan."""


@dataclass(kw_only=True, eq=False)
class Speaker:
    """What both nodes can be told, by the vendor's names. What is None is left to the voice, or to the vendor."""

    voice: str = GEORGE
    model: str = "eleven_flash_v2_5"
    rate: PCMRate = 16_000
    stability: Unit | None = None
    similarity_boost: Unit | None = None
    style: Unit | None = None
    use_speaker_boost: bool | None = None
    speed: Speed | None = None
    language_code: str | None = None
    base_url: Annotated[str, Checked(ELEVENLABS)] | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        own = {each.name: each.name for each in fields(self)} | _WRITTEN_AS
        for name in self.extra:
            if name in own:
                raise ValueError(f"`{name}` does not go into `extra`: set `{own[name]}` beside it")

    @property
    def voice_settings(self) -> dict[str, Any]:
        return {name: value for name in _SETTINGS if (value := getattr(self, name)) is not None}

    @property
    def output_format(self) -> str:
        return f"pcm_{self.rate}"

    @property
    def address(self) -> str:
        if is_address(address := self._address):
            return address
        told = f"`base_url`, or the environment variable `{ADDRESS}`, should be an address such as {ELEVENLABS}"
        raise self.asked.error(told, retryable=False)

    @cached_property
    def asked(self) -> Asked:
        return Asked(self.voice, self.model, host_of(self._address))

    @property
    def key(self) -> str:
        return key_of(VENDOR, KEY)

    @property
    def named(self) -> bool:
        """The voice is given by its name, not by its id."""
        return not _ID.fullmatch(self.voice)

    def warm_voice(self) -> None:
        """Looks up the voice's name, where it has one. A vendor that cannot be reached now may be when it is needed."""
        try:
            self.find_voice()
        except ProviderError as error:
            if not error.retryable:
                raise

    def find_voice(self) -> str:
        """The voice's id. Blocks for a request the first time that a process looks up a name. Raises ProviderError."""
        if not self.named:
            return self.voice
        voices = shared(("elevenlabs.voices", self.address, self.key), self._fetch_voices)
        named = self.voice.casefold()
        for called in (_whole, _first_name):
            for name, voice_id in voices.items():
                if called(name) == named:
                    return voice_id
        raise self.asked.error(_unknown(self.voice, voices), retryable=False)

    def voice_path(self, voice_id: str, way: str) -> str:
        return f"/v1/text-to-speech/{quote(voice_id, safe='')}/{way}"

    @property
    def _address(self) -> str:
        return (self.base_url or os.environ.get(ADDRESS) or ELEVENLABS).rstrip("/")

    def _fetch_voices(self) -> dict[str, str]:
        """Ids of the account's voices, by name."""
        import httpx2

        timeout = httpx2.Timeout(SILENCE, connect=CONNECT)
        headers = {"xi-api-key": self.key}
        try:
            answer = httpx2.get(f"{self.address}/v1/voices", headers=headers, timeout=timeout, verify=tls())
        except httpx2.HTTPError as error:
            told = of_transport(error, self.asked)
        else:
            return self._read_voices(answer.status_code, answer.content, answer.headers)
        raise told  # out here, so that it does not drag along the other, which has the request in it

    def _read_voices(self, status: int, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        try:
            if status == OK:
                return {voice.name: voice.voice_id for voice in msgspec.json.decode(body, type=_Voices).voices}
            raise of_answer(status, msgspec.json.decode(body), headers, self.asked)
        except msgspec.DecodeError:
            raise (
                failure(GARBAGE, self.asked) if status == OK else of_answer(status, None, headers, self.asked)
            ) from None


class _Voice(msgspec.Struct, gc=False):
    voice_id: str
    name: str = ""


class _Voices(msgspec.Struct, gc=False):
    """GetVoicesResponse."""

    voices: list[_Voice]


def _whole(name: str) -> str:
    return name.casefold()


def _first_name(name: str) -> str:
    """Newer voices are called like `Sarah - Mature, Reassuring, Confident`."""
    return name.partition(" - ")[0].casefold()


def _unknown(voice: str, voices: Mapping[str, str]) -> str:
    import difflib

    names = {_first_name(name): name.partition(" - ")[0] for name in voices}
    if near := difflib.get_close_matches(voice.casefold(), names, n=1, cutoff=0.6):
        return f"this account has no voice called `{voice}`; did you mean `{names[near[0]]}`?"
    known = ", ".join(sorted(names.values())[:12]) or "none"
    return f"this account has no voice called `{voice}`: give a voice's id, or the name of one of its own ({known})"


def tls() -> ssl.SSLContext:
    """The process's certificates, which take some 20 ms to read."""
    import ssl

    return shared("elevenlabs.tls", ssl.create_default_context)
