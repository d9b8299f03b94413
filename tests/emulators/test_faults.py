"""Which fault strikes which request, and what a file or a request may say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from voicegraph.emulators.faults import After, AnyFault, Close, Drop, Fault, Faults, Refuse, Status, read_faults
from voicegraph.graph import GraphError

ONE_OF_EACH = """\
faults:
  - {kind: refuse, vendor: openai, path: "/v1/chat/*", skip: 1, count: null}
  - {kind: status, status: 429, retry_after: 500ms}
  - {kind: slow_first_byte, time: null}
  - {kind: stall, after: {words: 3}, time: 2s}
  - {kind: drop, how: fin, after: {bytes: 100}}
  - {kind: close, code: 1008, reason: "no"}
  - {kind: garbage, after: {messages: 1}}
  - {kind: unknown_message, after: {time: 1s}}
  - {kind: wrong_format, after: {received: 10}}
  - {kind: hung_close}
"""


def outcomes(faults: Faults, requests: int) -> str:
    """Which of the next requests for a chat are struck."""
    return "".join("x" if faults.take("openai", "/v1/chat/completions", "http") else "." for _ in range(requests))


@pytest.mark.parametrize(
    ("planned", "struck"),
    [
        ([], "......"),
        ([Refuse()], "x....."),
        ([Refuse(skip=2, count=2)], "..xx.."),
        ([Refuse(skip=1, count=None)], ".xxxxx"),
        ([Refuse(skip=1), Refuse(skip=1)], ".xx..."),  # the first one looks first, at the third request too
        ([Refuse(vendor="deepgram")], "......"),
        ([Refuse(vendor="openai", path="/v1/chat/*")], "x....."),
        ([Refuse(path="/v1/audio/*")], "......"),
        ([Close()], "......"),
    ],
)
def test_who_is_struck(planned: list[AnyFault], struck: str) -> None:
    assert outcomes(Faults(planned), 6) == struck


def test_a_request_is_struck_once() -> None:
    faults = Faults([Status(status=401), Status(status=500)])
    assert faults.take("openai", "/", "http") == Status(status=401)
    assert faults.planned == (Status(status=500),)


def test_a_websocket_can_be_closed() -> None:
    assert Faults([Close()]).take("deepgram", "/v1/listen", "websocket") == Close()


def test_cleared() -> None:
    faults = Faults([Refuse()])
    faults.clear()
    faults.plan(Close(), Refuse(skip=1))
    assert outcomes(faults, 3) == ".x."


def test_a_file_with_one_of_each(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(ONE_OF_EACH)
    faults = read_faults(file)
    assert len({type(fault) for fault in faults}) == 10
    assert faults[0] == Refuse(vendor="openai", path="/v1/chat/*", skip=1, count=None)
    assert faults[1] == Status(status=429, retry_after=0.5)
    assert faults[4] == Drop(how="fin", after=After(bytes=100))


def test_written_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(ONE_OF_EACH)
    adapter: TypeAdapter[list[AnyFault]] = TypeAdapter(list[Fault])
    assert adapter.validate_json(adapter.dump_json(read_faults(file))) == read_faults(file)


@pytest.mark.parametrize(
    ("text", "place", "code", "words"),
    [
        ("faults: [{kind: drop, after: {byte: 3}}]", "1:31", "unknown-key", "`faults.0.after.byte`"),
        ("faults: [{kind: drp}]", "1:10", "bad-value", "`kind` is one of refuse, status, slow_first_byte"),
        ("faults: [{status: 429}]", "1:10", "bad-value", "`faults.0`: `kind` is one of refuse"),
        ("faults: [{kind: status}]", "1:10", "missing-key", "`faults.0` needs `status`"),
        ("faults: [{kind: status, status: 200}]", "1:33", "bad-value", "greater than or equal to 400"),
        ("faults: [{kind: stall, time: 3}]", "1:30", "bad-value", "a duration needs its unit"),
        ("faults: [{kind: refuse, vendor: acme}]", "1:33", "bad-value", "'deepgram', 'openai' or 'elevenlabs'"),
        ("faults: [{kind: drop, after: {bytes: 1, words: 2}}]", "1:30", "bad-value", "not after bytes and words"),
        ("faults:\n  - kind: refuse\n    cuont: 2\n", "3:5", "unknown-key", "`faults.0.cuont`"),
        ("drop", "1:1", "wrong-shape", "the file is no mapping"),
        ("", "1:1", "wrong-shape", "the file is empty"),
        ("{}", "1:1", "missing-key", "the file needs `faults`"),
        ("faults: [", "1:10", "yaml-syntax", ""),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, text: str, place: str, code: str, words: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(GraphError) as caught:
        read_faults(file)
    (told,) = caught.value.diagnostics
    assert told.span is not None
    assert (f"{told.span.line}:{told.span.column}", told.code) == (place, code)
    assert words in told.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="there is no file"):
        read_faults(tmp_path / "faults.yaml")


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{kind: drp}, {kind: status}]")
    with pytest.raises(GraphError) as caught:
        read_faults(file)
    assert len(caught.value.diagnostics) == 2


def test_after_one_thing() -> None:
    with pytest.raises(ValidationError, match="not after words and time"):
        TypeAdapter(After).validate_python({"words": 1, "time": "1s"})
