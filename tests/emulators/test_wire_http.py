"""What a client gets over HTTP, with each fault and without, seen from a bare socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulators.raw import PATIENCE, SILENCE, Answer, connected, get, read_on, wait_for_the_end
from tests.emulators.toy import SOUND, serving
from voicegraph.emulators.faults import (
    After,
    AnyFault,
    Close,
    Drop,
    Garbage,
    Refuse,
    SlowFirstByte,
    Stall,
    Status,
    UnknownMessage,
    WrongFormat,
)

EVENT = b'event: count\ndata: {"number":%d}\n\n'
EVENTS = b"".join(EVENT % number for number in range(5)) + b"data: [DONE]\n\n"
MP3 = bytes.fromhex("fffb9064")


def ask(path: str, *faults: AnyFault, patience: float = PATIENCE, awaited: bytes = b"") -> Answer:
    with serving(*faults) as emulators:
        return get(emulators, path, patience=patience, awaited=awaited)


def test_events_without_a_fault() -> None:
    answer = ask("/toy/events")
    assert (answer.status, answer.body, answer.whole, answer.end) == (200, EVENTS, True, "fin")
    assert answer.headers["content-type"] == "text/event-stream"


def test_sound_and_json_without_a_fault() -> None:
    with serving() as emulators:
        sound, data = get(emulators, "/toy/sound"), get(emulators, "/toy/json")
    assert (sound.body, sound.headers["content-type"], sound.headers["x-toy"]) == (SOUND * 4, "audio/pcm", "yes")
    assert json.loads(data.body) == {"answer": 42}


def test_refused_is_reset_without_a_byte() -> None:
    assert ask("/toy/events", Refuse()) == Answer(b"", "rst")


def test_a_status_is_told_in_the_vendor_s_words() -> None:
    answer = ask("/toy/events", Status(status=429, retry_after=1.5, message="slow down"))
    assert answer.status == 429
    assert answer.headers["retry-after"] == "1.5"
    assert json.loads(answer.body) == {"toy": {"code": 429, "says": "slow down"}}


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("path", ["/toy/events", "/toy/sound"])
def test_a_drop_comes_at_the_very_byte(how: str, path: str) -> None:
    whole = {"/toy/events": EVENTS, "/toy/sound": SOUND * 4}[path]

    @given(st.integers(0, len(whole)))
    @settings(max_examples=10, deadline=None)
    def at(size: int) -> None:
        emulators.faults.plan(Drop(how=how, after=After(bytes=size)))  # type: ignore[arg-type]
        answer = get(emulators, path)
        assert (answer.status, answer.body, answer.end) == (200, whole[:size], how)
        assert not answer.whole

    with serving() as emulators:
        at()


@pytest.mark.parametrize(("after", "events"), [(After(), 0), (After(messages=2), 2), (After(words=3), 2)])
def test_a_drop_between_messages(after: After, events: int) -> None:
    answer = ask("/toy/events", Drop(after=after))
    assert (answer.body, answer.end) == (EVENTS[: len(EVENT % 0) * events], "rst")


def test_a_drop_in_the_place_of_the_end() -> None:
    answer = ask("/toy/events", Drop(how="fin", after=After(messages=6)))
    assert (answer.body, answer.whole, answer.end) == (EVENTS, False, "fin")


def test_a_drop_by_the_clock_needs_no_message() -> None:
    assert ask("/toy/never", Drop(after=After(time=0.05))).end == "rst"


def test_a_fault_behind_the_end_never_strikes() -> None:
    assert ask("/toy/events", Drop(after=After(messages=7))).whole


@pytest.mark.parametrize("size", [0, 5, len(EVENT % 0)])
def test_a_stall_holds_headers_and_body_at_the_byte(size: int) -> None:
    awaited = EVENTS[:size] or b"\r\n\r\n"
    answer = ask("/toy/events", Stall(after=After(bytes=size)), patience=SILENCE, awaited=awaited)
    assert (answer.status, answer.body, answer.end) == (200, EVENTS[:size], "silence")


def test_after_a_short_stall_nothing_is_missing() -> None:
    assert ask("/toy/events", Stall(after=After(bytes=40), time=0.01)).body == EVENTS


def test_a_slow_first_byte_holds_the_headers_too() -> None:
    assert ask("/toy/events", SlowFirstByte(time=None), patience=SILENCE) == Answer(b"", "silence")
    assert ask("/toy/events", SlowFirstByte(time=0.01)).body == EVENTS


def test_garbage_is_one_message_cut_in_half() -> None:
    answer = ask("/toy/events", Garbage(after=After(messages=1)))
    assert answer.body == EVENTS.replace(b'{"number":1}', b'{"numb')
    assert answer.whole


def test_garbage_as_it_was_asked_for() -> None:
    assert ask("/toy/json", Garbage(text="<html>")).body == b"<html>\n"


def test_an_unknown_message_is_one_more() -> None:
    answer = ask("/toy/events", UnknownMessage(after=After(messages=1), text='{"new":true}'))
    first, second = EVENT % 0, EVENT % 1
    assert answer.body == EVENTS.replace(first + second, first + b'event: count\ndata: {"new":true}\n\n' + second)


def test_sound_of_the_wrong_format() -> None:
    answer = ask("/toy/sound", WrongFormat())
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.body == (MP3 + bytes(len(SOUND) + 1 - len(MP3))) * 4
    late = ask("/toy/sound", WrongFormat(after=After(messages=1)))
    assert late.headers["content-type"] == "audio/pcm"
    assert late.body == SOUND + answer.body[len(answer.body) // 4 :]


def test_sound_of_the_wrong_format_within_json() -> None:
    import base64

    lines = ask("/toy/lines", WrongFormat(after=After(messages=2))).body.splitlines()
    sounds = [base64.b64decode(json.loads(line)["sound"]) for line in lines]
    assert sounds == [SOUND, SOUND, MP3 + bytes(len(SOUND) + 1 - len(MP3))]


def test_a_fault_of_websockets_leaves_http_alone() -> None:
    with serving(Close()) as emulators:
        assert get(emulators, "/toy/events").whole
        assert emulators.faults.planned == (Close(),)


def test_the_server_knows_when_its_client_left() -> None:
    with serving() as emulators:
        with connected(emulators) as client:
            client.sendall(b"GET /toy/never HTTP/1.1\r\nHost: toy\r\n\r\n")
            while b"number" not in client.recv(1000):
                pass
        wait_for_the_end(emulators)
        get(emulators, "/toy/bad")
        left, bad = emulators.exchanges
    assert (left.outcome, left.messages, bad.outcome, bad.status) == ("left", 1, "done", 404)


def test_an_open_answer_does_not_hold_up_the_server_s_end() -> None:
    with serving(Stall()) as emulators, connected(emulators) as client:
        client.sendall(b"GET /toy/events HTTP/1.1\r\nHost: toy\r\n\r\n")
        assert read_on(client, SILENCE, awaited=b"\r\n\r\n").end == "silence"
    assert emulators.exchanges[0].struck
