"""Phone calls over the wire protocols that pipecat has a telephony serializer for."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import cast

from loguru import logger

from voicegraph.call import Call, this_call
from voicegraph.errors import ToolError
from voicegraph.node import node
from voicegraph.providers.access import key_of
from voicegraph.providers.pipecat_carriers import CARRIERS, Name
from voicegraph.serve.doors import Connection, Page, Request, Socket
from voicegraph.transports.carrier import Carrier
from voicegraph.transports.pipecat_wire import Serialized, Spoken
from voicegraph.transports.send_ahead import Format
from voicegraph.transports.telephone import Telephone

SECRET = "PIPECAT_CALL_SECRET"


@node(
    "pipecat.call",
    line=True,
    extra="pipecat",
    packages=("pipecat", "numpy"),
    env=(SECRET,),
    env_unless="unsigned",
)
class PipecatCall(Telephone):
    """A phone call over a wire protocol of pipecat's, such as Exotel's, on /exotel/media.

    serializer: whose. rate: of the sound, in Hz; by default what that carrier usually has. unsigned: for development,
    anybody may call; else the connection has to bring PIPECAT_CALL_SECRET: as the header x-api-key, as the password of
    its basic authorisation, or as `?key=`. after: what becomes of the call when the agent is done: `hang_up`, or
    `resume` with what stands behind it. lead: how much the carrier has of what is to be heard. greeting: what the agent
    says first.

    Genesys gives no marks back: there the clock tells what was heard. Nobody can be put through. No webhook is asked,
    so `public_url`, `busy_url` and `base_url` are refused.
    """

    serializer: Name
    rate: int = 0
    call: Call = this_call()

    def __post_init__(self) -> None:
        if self.public_url or self.busy_url or self.base_url:
            raise ValueError("`public_url`, `busy_url` and `base_url` are for lines with a webhook, which this has not")
        self._hosted = CARRIERS[self.serializer]
        self.rate = self.rate or self._hosted.rate[1]
        self._spoken: Spoken | None = None
        unsigned, self.unsigned = self.unsigned, True  # no webhook is asked, so there is no address to check
        super().__post_init__()
        self.unsigned = unsigned

    @property
    def form(self) -> Format:
        hosted = self._hosted
        return Format(self.rate, 2, hosted.step, hosted.most, marks=hosted.mark is not None)

    def answered_by(self) -> Carrier:
        return Serialized()

    def _coder(self, way: str) -> Callable[[bytes], bytes]:
        """Coding is the serializer's."""
        return lambda sound: sound

    def attach(self, connection: Connection) -> None:
        self._spoken = Spoken(connection, self._hosted, self.rate)
        super().attach(cast(Connection, self._spoken))

    def warm(self) -> None:
        """Imports the serializer, and keeps it from logging who calls and what keys they press."""
        if not self.unsigned:
            key_of("the carrier", SECRET)
        import_module(f"pipecat.serializers.{self._hosted.module}")
        logger.disable("pipecat.serializers")

    def doors(self) -> Sequence[Page | Socket]:
        return [Socket(f"/{self.serializer}/media", self._refuse)]

    @property
    def can_ask(self) -> bool:
        return self._hosted.parts

    async def hang_up_by_request(self) -> None:
        if self._spoken is not None:
            await self._spoken.part()

    async def transfer(self, to: str) -> None:
        """Is not known to these protocols."""
        raise ToolError("this line cannot put anybody through: pipecat's serializers know of no transfer")

    def _refuse(self, request: Request) -> str | None:
        return None if self.unsigned or _knows(request, key_of("the carrier", SECRET)) else "signature"


def _knows(request: Request, secret: str) -> bool:
    """Whether it brings the secret. Compares in constant time."""
    given = [request.headers.get("x-api-key", ""), request.query.get("key", "")]
    scheme, _, code = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            given.append(b64decode(code, validate=True).decode("latin-1").partition(":")[2])
    return any(hmac.compare_digest(each.encode(), secret.encode()) for each in given)
