"""What users tell of a vendor's service: where it is, and the key to it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from voicegraph.errors import ProviderError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

WEB = ("http", "https")


def key_of(vendor: str, variable: str) -> str:
    """The key in an environment variable. Raises ProviderError where there is none, or what no header can carry: what
    carries it would quote it, and speak of something else. Space around it is none of it: files end with a new line."""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ProviderError(vendor, f"needs a key: set the environment variable `{variable}`", retryable=False)
    if not (key.isascii() and key.isprintable()):
        told = f"what the environment variable `{variable}` holds is no key"
        raise ProviderError(vendor, told, retryable=False)
    return key


def is_address(text: str, schemes: tuple[str, ...] = WEB) -> bool:
    """Whether somebody could be there."""
    parts = _split(text)
    return parts.scheme in schemes and _can_be(parts.hostname) and text.isprintable() and " " not in text


def host_of(address: str) -> str:
    """With the port, and without the password that may stand before it. Empty if it is no address."""
    return _split(address).netloc.rpartition("@")[2]


@dataclass(frozen=True)
class Checked:
    """Marks a setting as the address of a service: `Annotated[str, Checked(example)]`. Nothing is none, as of a
    variable that is not set. Imports no pydantic until a configuration is validated."""

    example: str
    schemes: tuple[str, ...] = WEB

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def check(text: str) -> str:
            if text and not is_address(text, self.schemes):
                raise ValueError(f"should be an address such as {self.example}")
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))


def _can_be(host: str | None) -> bool:
    """Whether a name could be looked up: labels of 1 to 63 characters (RFC 1035, section 2.3.4)."""
    try:
        return bool(host and host.encode("idna"))
    except UnicodeError:
        return False


def _split(address: str) -> SplitResult:
    with suppress(ValueError):
        parts = urlsplit(address)
        _ = parts.port  # looked at only when it is asked for
        return parts
    return urlsplit("")
