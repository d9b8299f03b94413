"""G.711 against the C implementation of the standard library, over its whole domain."""

import warnings

import pytest

from voicegraph.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop", reason="gone from Python 3.13")

EVERY_SAMPLE = b"".join(n.to_bytes(2, "little", signed=True) for n in range(-(1 << 15), 1 << 15))
EVERY_CODE = bytes(range(256))


def test_encoding_agrees_on_every_sample() -> None:
    assert encode_mulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)


def test_decoding_agrees_on_every_code() -> None:
    assert decode_mulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)


def test_nothing_in_nothing_out() -> None:
    assert encode_mulaw(b"") == decode_mulaw(b"") == encode_alaw(b"") == decode_alaw(b"") == b""
