"""The server itself: its port, its end, and its own paths."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.emulators.raw import get
from tests.emulators.toy import serving
from voicegraph.emulators.control import EXCHANGES, FAULTS
from voicegraph.emulators.faults import After, Drop, Status
from voicegraph.emulators.scripted import scripted
from voicegraph.emulators.server import Emulators, in_thread
from voicegraph.errors import VoicegraphError


def call(emulators: Emulators, method: str, path: str, data: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    headers = {"Content-Type": "application/json"} | headers
    request = urllib.request.Request(f"http://{emulators.address}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
            return error.code, json.loads(text) if text.startswith(("{", "[")) else text


def test_it_tells_the_variables_that_point_at_it() -> None:
    with serving() as emulators:
        assert emulators.address.startswith("127.0.0.1:")
        assert emulators.environment == {"TOY_BASE_URL": f"http://{emulators.address}/toy"}


def test_a_port_that_is_taken_is_told() -> None:
    with serving() as emulators:
        port = int(emulators.address.rpartition(":")[2])
        taken = pytest.raises(VoicegraphError, match=f"{port}: another program has that port; choose another")
        with taken, in_thread([], backend=scripted(), port=port):
            pass


def test_on_all_addresses_programs_of_this_machine_are_told_the_loopback() -> None:
    with in_thread([], backend=scripted(), host="0.0.0.0") as emulators:
        assert emulators.address.startswith("127.0.0.1:")
        assert call(emulators, "GET", FAULTS) == (200, [])


def test_faults_over_http() -> None:
    with serving() as emulators:
        status, planned = call(emulators, "POST", FAULTS, b'{"kind": "status", "status": 503}')
        assert (status, planned[0]["kind"], planned[0]["count"]) == (200, "status", 1)
        more = b'[{"kind": "drop", "after": {"time": "500ms"}, "skip": 2}, {"kind": "hung_close"}]'
        assert len(call(emulators, "POST", FAULTS, more)[1]) == 3
        assert emulators.faults.planned[:2] == (Status(status=503), Drop(after=After(time=0.5), skip=2))
        assert get(emulators, "/toy/events").status == 503
        _, left = call(emulators, "GET", FAULTS)
        assert [(fault["kind"], fault.get("after")) for fault in left] == [
            ("drop", {"time": "500ms"}),
            ("hung_close", None),
        ]
        assert call(emulators, "DELETE", FAULTS) == (200, [])
        assert get(emulators, "/toy/events").status == 200


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b'{"kind": "drp"}', 422, "`kind` is one of"),
        (b"drop", 400, "no JSON"),
        (b'[{"kind": "status"}]', 422, "status"),
    ],
)
def test_a_wrong_fault_is_refused_and_none_planned(data: bytes, status: int, words: str) -> None:
    with serving() as emulators:
        refused, answer = call(emulators, "POST", FAULTS, data)
        assert refused == status
        assert words in str(answer["mistakes"])
        assert emulators.faults.planned == ()


def test_a_web_page_cannot_plan_faults() -> None:
    """A browser sends other types than JSON to any address, without asking."""
    with serving() as emulators:
        answer = call(emulators, "POST", FAULTS, b'{"kind": "refuse"}', **{"Content-Type": "text/plain"})
        assert answer[0] == 415
        assert emulators.faults.planned == ()


def test_it_tells_what_clients_asked_for() -> None:
    with serving(Drop(skip=1, after=After(messages=1))) as emulators:
        get(emulators, "/toy/events?key=secret")
        get(emulators, "/toy/events")
        _, (whole, dropped) = call(emulators, "GET", EXCHANGES)
    expected = {"vendor": "toy", "method": "GET", "path": "/toy/events", "status": 200, "words": 10, "messages": 6}
    assert expected.items() <= whole.items()
    assert (whole["outcome"], whole["fault"], whole["ended"] >= whole["began"]) == ("done", None, True)
    assert (dropped["outcome"], dropped["struck"], dropped["fault"]) == ("struck", True, "drop")
    assert "secret" not in str(whole)


def test_a_vendor_nobody_knows() -> None:
    with pytest.raises(VoicegraphError, match="there is no emulator of `acme`; there are "):
        Emulators(["acme"], backend=scripted())
