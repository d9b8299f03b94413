"""Keys and addresses as users write them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from voicegraph.errors import ProviderError
from voicegraph.providers.access import Checked, host_of, is_address, key_of

ADDRESSES = [
    "https://a.example.com",
    "http://localhost:8000/v1",
    "http://[::1]:80",
    "http://bücher.de",
    "http://u:p@h:1",
]
NO_ADDRESSES = [
    "",
    "nowhere",
    "ftp://a",
    "http://",
    "http://a:b",
    "http://a:99999",
    "http://[::1",
    "http://-a..b",
    f"http://{'a' * 64}.com",
    "http://a b",
    "http://a/\n",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address(address: str) -> None:
    assert is_address(address)
    assert is_address(address.replace("http", "ws"), ("ws", "wss"))
    assert not is_address(address, ("ws", "wss"))


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_no_address(address: str) -> None:
    assert not is_address(address)


def test_a_host_is_told_without_the_password() -> None:
    assert host_of("https://me:secret@example.com:8000/v1") == "example.com:8000"
    assert host_of("http://[::1") == ""


def test_an_address_in_a_graph() -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, Checked("https://example.com")])
    assert adapter.validate_python("http://here") == "http://here"
    assert not adapter.validate_python("")
    with pytest.raises(ValidationError, match="should be an address such as https://"):
        adapter.validate_python("here")


def test_a_key_may_have_the_line_end_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", " sk_1\r\n")
    assert key_of("Vendor", "A_KEY") == "sk_1"


@pytest.mark.parametrize("key", ["sk_\n1", "“sk_1”", "sk_\x001"])
def test_what_is_no_key_is_told_and_not_quoted(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"A_KEY": key})
    with pytest.raises(ProviderError) as told:
        key_of("Vendor", "A_KEY")
    assert str(told.value) == "Vendor: what the environment variable `A_KEY` holds is no key"
    assert not told.value.retryable


@pytest.mark.parametrize("key", ["", " \n"])
def test_no_key_is_told(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", key)
    with pytest.raises(ProviderError, match="Vendor: needs a key: set the environment variable `A_KEY`"):
        key_of("Vendor", "A_KEY")
