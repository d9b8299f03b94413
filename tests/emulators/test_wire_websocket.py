"""What a client gets on a WebSocket, with each fault and without, frame by frame."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from tests.emulators.raw import BINARY, CLOSE, PING, PONG, SILENCE, TEXT, Frame, RawSocket, talking, wait_for_the_end
from tests.emulators.toy import SOUND, serving
from voicegraph.emulators.faults import (
    After,
    Close,
    Drop,
    Garbage,
    HungClose,
    Refuse,
    SlowFirstByte,
    Stall,
    Status,
    UnknownMessage,
    WrongFormat,
)

HELLO = b'{"type":"hello"}'


def code(number: int) -> bytes:
    return struct.pack("!H", number)


def hello(client: RawSocket) -> None:
    assert client.receive() == Frame(TEXT, HELLO)


def ask(client: RawSocket, words: str) -> str:
    client.send(words)
    said: str = json.loads(client.receive().data)["said"]
    return said


def test_a_conversation_and_its_end() -> None:
    with serving() as emulators:
        with talking(emulators) as client:
            assert client.handshake.status == 101
            assert "sec-websocket-extensions" not in client.handshake.headers  # not compressed: that costs 10 us
            hello(client)
            assert ask(client, "one two") == "one two"
            client.send(b"\0" * 70_000)
            assert client.receive() == Frame(BINARY, b"\0" * 70_000)
            client.close(4321)
            assert client.receive() == Frame(CLOSE, code(4321))
            assert client.end() == (b"", "fin")
        (exchange,) = emulators.exchanges
    assert (exchange.outcome, exchange.status, exchange.closed) == ("done", 101, 4321)
    assert (exchange.messages, exchange.words, exchange.received) == (3, 3, 70_007)


def test_the_vendor_closes() -> None:
    with serving() as emulators, talking(emulators) as client:
        hello(client)
        client.send("bye")
        assert client.receive() == Frame(CLOSE, code(4000) + b"as you said")
        client.close(4000)
        assert client.end() == (b"", "fin")


def test_the_server_knows_when_its_client_left() -> None:
    with serving() as emulators:
        with talking(emulators) as client:
            hello(client)
        wait_for_the_end(emulators)
        assert emulators.exchanges[0].outcome == "left"


@pytest.mark.parametrize("status", [401, 429, 503])
def test_the_handshake_is_refused_with_a_status(status: int) -> None:
    with serving(Status(status=status, retry_after=2)) as emulators, talking(emulators) as client:
        assert client.handshake.status == status
        assert client.handshake.headers["retry-after"] == "2"


def test_the_handshake_is_reset() -> None:
    with serving(Refuse()) as emulators, pytest.raises(ConnectionResetError), talking(emulators):
        pass


def test_the_handshake_is_never_answered() -> None:
    with serving(SlowFirstByte(time=None), SlowFirstByte(time=0.01)) as emulators:
        with pytest.raises(TimeoutError), talking(emulators, patience=SILENCE):
            pass
        with talking(emulators) as client:
            hello(client)


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_drop_between_messages(how: str) -> None:
    with serving(Drop(how=how, after=After(messages=2))) as emulators, talking(emulators) as client:  # type: ignore[arg-type]
        hello(client)
        ask(client, "one")
        client.send("two")
        assert client.end() == (b"", how)
    assert emulators.exchanges[0].outcome == "struck"


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("size", [1, 7, len(HELLO) - 1])
def test_a_drop_in_the_midst_of_a_message(how: str, size: int) -> None:
    with serving(Drop(how=how, after=After(bytes=size))) as emulators, talking(emulators) as client:  # type: ignore[arg-type]
        assert client.receive() == Frame(TEXT, HELLO[:size], last=False)
        assert client.end() == (b"", how)


def test_a_drop_after_words() -> None:
    with serving(Drop(after=After(words=3))) as emulators, talking(emulators) as client:
        hello(client)
        assert [ask(client, "one two"), ask(client, "three four")] == ["one two", "three four"]
        client.send("five")
        assert client.end() == (b"", "rst")


@pytest.mark.parametrize("after", [After(received=10), After(time=0.05)])
def test_a_drop_that_waits_for_no_message(after: After) -> None:
    with serving(Drop(how="fin", after=after)) as emulators, talking(emulators) as client:
        client.send(bytes(10), opcode=BINARY)
        assert client.end().end == "fin"


def test_after_a_fin_the_client_may_go_on_talking() -> None:
    """As a streaming client does, which has not noticed yet; the connection is not reset for that."""
    with serving(Drop(how="fin", after=After(messages=1))) as emulators, talking(emulators) as client:
        hello(client)
        for _ in range(100):
            client.send(bytes(640))
        assert client.end() == (b"", "fin")
        client.send(b"", PING)
        client.send(bytes(640))


def test_a_close_with_a_code() -> None:
    with serving(Close(code=1011, reason="NET-0001", after=After(messages=1))) as emulators:
        with talking(emulators) as client:
            hello(client)
            client.send("one")
            assert client.receive() == Frame(CLOSE, code(1011) + b"NET-0001")
            client.close(1011)
            assert client.end() == (b"", "fin")
        assert emulators.exchanges[0].struck


def test_a_close_waits_for_the_clients() -> None:
    """With the client's words still unread, to end the connection is to reset it: the close might be lost."""
    with serving(Close(code=1011, after=After(messages=1))) as emulators, talking(emulators) as client:
        hello(client)
        client.send("one")
        assert client.receive() == Frame(CLOSE, code(1011))
        client.send("two")
        assert client.end(SILENCE) == (b"", "silence")
        client.close(1011)
        assert client.end() == (b"", "fin")
        wait_for_the_end(emulators)
        assert (emulators.exchanges[0].outcome, emulators.exchanges[0].closed) == ("done", 1011)


def test_garbage_and_unknown_messages() -> None:
    with serving(Garbage(after=After(messages=1)), UnknownMessage(after=After(messages=1))) as emulators:
        with talking(emulators) as client:
            hello(client)
            client.send("one")
            garbled = client.receive().data
            with pytest.raises(json.JSONDecodeError):
                json.loads(garbled)
            assert ask(client, "two") == "two"
        with talking(emulators) as client:
            hello(client)
            client.send("one")
            assert json.loads(client.receive().data)["type"] == "UnheardOf"
            assert json.loads(client.receive().data)["said"] == "one"


def test_sound_of_the_wrong_format() -> None:
    with serving(WrongFormat(after=After(messages=2))) as emulators, talking(emulators) as client:
        hello(client)
        sounds: list[bytes] = []
        for _ in range(2):
            client.send("one")
            sounds.append(base64.b64decode(json.loads(client.receive().data)["sound"]))
        assert sounds[0] == SOUND
        assert sounds[1][:4] == bytes.fromhex("fffb9064")
        assert len(sounds[1]) % 2 == 1


def test_a_stall_answers_pings_and_a_close() -> None:
    with serving(Stall(after=After(bytes=len(HELLO) + 4))) as emulators, talking(emulators) as client:
        hello(client)
        client.send("one")
        assert client.receive() == Frame(TEXT, b'{"sa', last=False)
        client.send(b"there?", PING)
        assert client.receive() == Frame(PONG, b"there?")
        client.send("two")
        client.close()
        assert client.receive() == Frame(CLOSE, code(1000))
        assert client.end() == (b"", "fin")


def test_after_a_short_stall_the_rest_of_the_message_comes() -> None:
    with serving(Stall(after=After(bytes=7), time=0.01)) as emulators, talking(emulators) as client:
        assert client.receive() == Frame(TEXT, HELLO[:7], last=False)
        assert client.receive() == Frame(0, HELLO[7:])
        assert ask(client, "one") == "one"


def test_a_hung_close_is_never_answered() -> None:
    with serving(HungClose(count=2)) as emulators:
        with talking(emulators) as client:
            hello(client)
            client.close()
            assert client.end(SILENCE) == (b"", "silence")
        with talking(emulators) as client:
            hello(client)
            client.send("bye")
            assert client.end(SILENCE) == (b"", "silence")
            client.send("still there?", PING)
            assert client.receive().opcode == PONG
