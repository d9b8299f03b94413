"""Where a service is that speaks OpenAI's interface."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from voicegraph.providers.access import Checked, host_of

OPENAI = "https://api.openai.com/v1"
EXAMPLE = "http://localhost:11434/v1"

Address = Annotated[str, Checked(EXAMPLE)]
"""The type of a field `base_url`."""


def is_openai(address: str) -> bool:
    """Whether it is OpenAI itself, which also has hosts such as eu.api.openai.com."""
    host = host_of(address).lower().removesuffix(":443")
    return f".{host}".endswith(f".{urlsplit(OPENAI).hostname}")
