"""Where a carrier asks what to do with a call, and where its sound comes in: the doors of a telephone line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval
from loguru import logger

from voicegraph.durations import Duration
from voicegraph.providers import carrier_api
from voicegraph.providers.access import Checked
from voicegraph.serve.doors import Answer, Page, Request, Socket
from voicegraph.serve.reasons import REASONS
from voicegraph.settings import Spoken
from voicegraph.transports.carrier import Started

EXAMPLE = "https://agent.example.com"
PARAMETER = 500
"""Characters that Twilio takes of a parameter, its name and value together."""
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(kw_only=True, eq=False)
class Trunk:
    """What every carrier's line can be told.

    public_url: where the carrier finds this server; what it signs is checked against that, so it has to be exact.
    unsigned: for development only, anybody may call: nothing is checked, and the address is the one that was asked.
    busy_url: where a call is sent that cannot be taken; by default the caller hears that it is busy. after: what
    becomes of the phone call when the agent is done: `hang_up`, or `resume` with what the carrier has been told before.
    lead: how much the carrier has of what is to be heard. greeting: what the agent says first.
    """

    greeting: Spoken = ""
    public_url: Annotated[str, Checked(EXAMPLE, ("https",))] = ""
    unsigned: bool = False
    busy_url: Annotated[str, Checked(EXAMPLE)] = ""
    after: Literal["hang_up", "resume"] = "hang_up"
    lead: Annotated[Duration, Interval(ge=0.1, le=2)] = 0.25
    base_url: Annotated[str, Checked(EXAMPLE)] = ""

    def __post_init__(self) -> None:
        if not (self.public_url or self.unsigned):
            raise ValueError(
                f"needs `public_url`, the address at which the carrier finds this server, such as {EXAMPLE}; "
                "or, while it is tried out, `unsigned: true`"
            )
        self._hinted = False


class Webhook(Trunk):
    """The doors of one carrier. A subclass says who may come in, and in which words the carrier is told what to do.

    NAME: of the paths.
    """

    NAME: ClassVar[str]

    def doors(self) -> Sequence[Page | Socket]:
        asks = Page(f"/{self.NAME}", self._answer, methods=("POST",), invites=True)
        return [asks, Socket(f"/{self.NAME}/media", self._refuse)]

    def warm(self) -> None:
        """Reads the keys, so that what is missing is told before a call, and loads what requests need."""
        if self.can_ask:
            carrier_api.warm()

    # --- a carrier's own ---------------------------------------------------------------------------------------------

    def is_signed(self, request: Request, url: str) -> bool:
        """Whether the carrier itself asks for this address."""
        raise NotImplementedError

    def is_signed_socket(self, request: Request, url: str) -> bool:
        """The same of the handshake. Carriers that sign none are known by what the call begins with: `admit`."""
        return True

    def admit(self, started: Started) -> None:
        """Refuses a call that has not come by the webhook, where that can be told. Raises Refused."""

    def document(self, request: Request, socket: str) -> str:
        """Connects the call to our WebSocket."""
        raise NotImplementedError

    def busy(self) -> str:
        """Tells the caller that nobody can take the call."""
        return '<Reject reason="busy"/>'

    @property
    def can_ask(self) -> bool:
        """Whether the carrier's own API may be asked: with keys, and not in development."""
        return not self.unsigned

    async def hang_up_by_request(self) -> None:
        """Ends the phone call. Raises ProviderError."""
        raise NotImplementedError

    async def put_through(self, to: str) -> None:
        """Connects the caller to somebody else. Raises ProviderError."""
        raise NotImplementedError

    # --- the doors ---------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request, free: bool) -> Answer:
        if not self._is_known(request, self.NAME):
            return refusal("signature")
        if free:
            return xml(self.document(request, self.address("wss", f"{self.NAME}/media", request)))
        return xml(f"<Redirect>{escape(self.busy_url)}</Redirect>" if self.busy_url else self.busy())

    def _refuse(self, request: Request) -> str | None:
        url = self.address("wss", f"{self.NAME}/media", request)
        if self.unsigned or self.is_signed_socket(request, url):
            return None
        self._hint(url)
        return "signature"

    def _is_known(self, request: Request, path: str) -> bool:
        """Whether a page is asked for by the carrier itself, or by anybody in development."""
        url = self.address("https", path, request)
        known = self.unsigned or self.is_signed(request, url)
        if not known:
            self._hint(url)
        return known

    def _hint(self, url: str) -> None:
        """What to look at, once: strangers ask, too, and a log is no place for all that they send."""
        if not self._hinted:
            self._hinted = True
            told = "refused what {} did not sign for {}. If it was the carrier: is that its address, and the key right?"
            logger.warning(told, self.NAME, url.partition("?")[0])

    def address(self, scheme: Literal["https", "wss"], path: str, request: Request) -> str:
        """Of a door, as the carrier knows it. The query of a page is a part of that, a socket's is not."""
        seen, _, asked = request.url.partition("?")  # split no further: whoever asked has written it
        if not self.unsigned:
            there = scheme + self.public_url.rstrip("/").removeprefix("https")
        else:
            over, _, host = seen.partition("://")
            secure = request.headers.get("x-forwarded-proto", over) in ("https", "wss")
            host = request.headers.get("host") or host.partition("/")[0]
            there = f"{scheme if secure else scheme.removesuffix('s')}://{host}"
        return f"{there}/{path}" + (f"?{asked}" if asked and scheme == "https" else "")


def xml(verbs: str) -> Answer:
    """The carrier's orders."""
    return Answer(body=f"{XML}<Response>{verbs}</Response>\n".encode(), media_type="text/xml")


def refusal(reason: str) -> Answer:
    """For whoever is not the carrier."""
    return Answer(REASONS[reason].status, REASONS[reason].text.encode(), refused=reason)


def variables(request: Request) -> dict[str, str]:
    """What a call's nodes are to know of it: who calls whom, and the query of the webhook's address."""
    known = {"from": request.form.get("From", ""), "to": request.form.get("To", ""), **request.query}
    return {name: value for name, value in known.items() if value and len(name) + len(value) <= PARAMETER}


def parameters(values: Mapping[str, str]) -> str:
    """Sent along with the stream's beginning."""
    pairs = (f'<Parameter name="{escape(name)}" value="{escape(value)}"/>' for name, value in values.items())
    return "".join(pairs)
