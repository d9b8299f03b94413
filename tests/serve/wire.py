"""A line of the tests that can be served: binary messages are sound, text messages are keys or orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from voicegraph import Audio, Call, Dtmf, Rate, Sentence, TTSAudio, node, this_call
from voicegraph.serve.doors import Answer, Closed, Connection, Page, Request, Socket, told

RATE = 8_000


@node("wire.call", line=True)
class WireCall:
    """Orders: `bye` hangs up, `fail` is a fault of the line, `pour` sends without end, `bad` is a wrong message."""

    greeting: str = ""
    path: str = "/wire"
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._heard: dict[int, float] = {}

    def doors(self) -> Sequence[Page | Socket]:
        return (
            Page(self.path, self._answer, methods=("POST",), invites=True),
            Page("/broken", self._broken),
            Socket(f"{self.path}/media", self._refuse),
        )

    def attach(self, connection: Connection) -> None:
        self._connection = connection

    def _refuse(self, request: Request) -> str | None:
        if "x-break" in request.headers:
            raise ValueError("a secret of the caller")
        return "origin" if "origin" in request.headers else None

    async def _answer(self, request: Request, room: bool) -> Answer:
        if request.form.get("signed") == "no":
            return Answer(403, refused="signature")
        return Answer(body=f"{'come' if room else 'busy'} {request.form.get('name', '')}".encode())

    async def _broken(self, request: Request, room: bool) -> Answer:
        raise ValueError("of the line")

    async def listen(self) -> AsyncIterator[Annotated[Audio | Dtmf, Rate(RATE)]]:
        self.call.variables.update(self._connection.query)
        if self.greeting:
            self.call.say(self.greeting)
        at = 0.0
        try:
            while True:
                message = await self._connection.receive()
                if isinstance(message, bytes):
                    yield Audio(message, rate=RATE, at=at)
                    at += len(message) / (2 * RATE)
                elif message == "bye":
                    self.call.hang_up("the caller said so")
                elif message == "fail":
                    raise RuntimeError("a secret of the caller")
                elif message == "bad":
                    await self._connection.close(*told("malformed"))
                elif message == "pour":
                    while True:
                        await self._connection.send(bytes(50_000))
                else:
                    yield Dtmf(message)
        except Closed:
            return

    async def play(self, audio: Annotated[TTSAudio, Rate(RATE)]) -> None:
        try:
            await self._connection.send(audio.pcm)
        except Closed:
            return
        self._heard[audio.turn] = self._heard.get(audio.turn, 0.0) + audio.seconds
        self.call.played(audio.turn, self._heard[audio.turn])

    def clear(self) -> None: ...

    async def drain(self) -> None: ...


@node("wire.answer")
class WireAnswer:
    """Says which key was pressed, and what came with the call."""

    says: str = "key"
    call: Call = this_call()

    def on_key(self, key: Dtmf) -> Sentence:
        return Sentence(f"{self.says} {key.digit} {self.call.variables.get('name', '')}")


@node("wire.again")
def again(audio: Audio) -> TTSAudio:
    """What the caller said."""
    return TTSAudio(audio.pcm, rate=audio.rate)
