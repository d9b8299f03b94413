"""One client of v2: turns, and messages that are counted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from voicegraph.emulators.backend import Heard, Hearing, Said
from voicegraph.emulators.deepgram_asking import FluxAsked
from voicegraph.emulators.deepgram_sound import ClientSound
from voicegraph.emulators.deepgram_turns import Rules, Thresholds, Turns
from voicegraph.emulators.sockets import Socket

PAUSE = 0.2
"""Seconds of silence after which the backend says how sure it is that the turn is over."""
IDLE = None
"""Pings keep the connection."""
POLICY = 1008
"""Code of the close behind a fatal error: not documented."""

UNREADABLE = {"code": "UNPARSABLE_CLIENT_MESSAGE", "description": "Could not deserialize the client's text message."}
OUT_OF_RANGE = {"code": "INVALID_CONFIGURATION", "description": "A threshold is out of its range."}


class FluxSession:
    """Times in seconds of the client's sound."""

    def __init__(self, socket: Socket, asked: FluxAsked, hearing: Hearing, request_id: str) -> None:
        self._socket = socket
        self._asked = asked
        self._hearing = hearing
        self._id = request_id
        self._sound = ClientSound(socket, asked, self._control, IDLE)
        self._turns = Turns(Thresholds(asked.eot_threshold, asked.eager_eot_threshold, asked.eot_timeout_ms / 1000))
        self._rules = Rules(self._turns.thresholds)
        self._sequence = 0
        self._words = 0  # of the turn, that the client has

    async def run(self) -> None:
        """Until the client says that this is all, or is gone."""
        await self._send({"type": "Connected", "request_id": self._id})
        self._sound.look_at = self._turns.due
        sound = self._sound.pieces()
        async with aclosing(sound), aclosing(self._hearing.hear(sound, self._asked.sample_rate, pause=PAUSE)) as heard:
            async for each in heard:
                await self._tell(each)
        await self._socket.close()

    async def _control(self, message: str) -> bool | None:
        try:
            data = msgspec.json.decode(message, type=dict[str, Any])
        except msgspec.DecodeError:
            data = {}
        match data.get("type"):
            case "ForceEndTurn":
                return True
            case "CloseStream":
                return False
            case "Configure":
                await self._configure(data)
                return None
            case _:
                await self._send({"type": "Error", **UNREADABLE})
                await self._socket.close(POLICY)
                return False

    async def _configure(self, data: Mapping[str, Any]) -> None:
        given: Mapping[str, Any] = data.get("thresholds") or {}
        changed: dict[str, Any] = {**self._asked.model_dump(), "keyterm": data.get("keyterms", self._asked.keyterm)}
        changed |= {name: value for name, value in given.items() if value is not None}
        try:
            self._asked = FluxAsked.model_validate(changed)
        except ValueError:
            await self._send({"type": "ConfigureFailure", "request_id": self._id, **OUT_OF_RANGE})
            return
        asked, thresholds = self._asked, self._turns.thresholds
        thresholds.eot, thresholds.eager = asked.eot_threshold, asked.eager_eot_threshold
        thresholds.timeout = asked.eot_timeout_ms / 1000
        names = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
        in_force = {name: value for name in names if (value := getattr(asked, name)) is not None}
        success = {"type": "ConfigureSuccess", "request_id": self._id, "thresholds": in_force}
        await self._send({**success, "keyterms": list(asked.keyterm)})

    async def _tell(self, heard: Heard) -> None:
        forced = isinstance(heard, Said) and self._sound.asked(heard)
        events = [*self._turns.hear(heard), *(self._turns.force() if forced else ())]
        for event in events:
            await self._send({**event, "request_id": self._id})
        self._sound.look_at = self._turns.due

    async def _send(self, message: dict[str, Any]) -> None:
        counted = {**message, "sequence_id": self._sequence}
        self._sequence += 1
        self._rules.check(counted)
        words = len(message.get("words", ()))
        news, self._words = max(0, words - self._words), 0 if message.get("event") == "EndOfTurn" else words
        await self._socket.send(counted, words=news)
