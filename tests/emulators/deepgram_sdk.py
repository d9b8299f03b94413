"""Deepgram's own SDK, pointed at the emulator, and its models of what the emulator says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

from voicegraph.emulators.faults import AnyFault, Faults
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators
from voicegraph.testing.speech import utter

RATE = 16_000
PATIENCE = 5.0

NOVA = {"model": "nova-3", "encoding": "linear16", "sample_rate": "16000", "endpointing": "300"}
FLUX = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": "16000"}


def speech(text: str, silence: float = 1.0) -> bytes:
    return utter(text, rate=RATE, origin=1) + quiet(silence)


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


@asynccontextmanager
async def emulator(*faults: AnyFault, script: Script | None = None) -> AsyncGenerator[Emulators]:
    script = script or Script(latency=Latencies(transcript=0.0))
    async with asyncio.timeout(PATIENCE), Emulators(["deepgram"], backend=scripted(script), faults=Faults(faults)) as e:
        yield e


def client(emulators: Emulators) -> Any:
    """The SDK's."""
    from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment

    socket, web = f"ws://{emulators.address}", f"http://{emulators.address}"
    environment = DeepgramClientEnvironment(base=web, production=socket, agent=socket, agent_rest=web)
    return AsyncDeepgramClient(api_key="any", environment=environment)


def dial(emulators: Emulators, path: str, query: dict[str, Any]) -> connect:
    """A bare WebSocket."""
    url = f"ws://{emulators.address}{path}?{urlencode(query, doseq=True)}"
    return connect(url, additional_headers={"Authorization": "Token any"}, compression=None)


async def converse(socket: ClientConnection, messages: Iterable[bytes | str]) -> list[dict[str, Any]]:
    """Sends all of them, and returns all that comes back until the end."""
    for message in messages:
        await socket.send(message)
    return [json.loads(answer) async for answer in socket]


async def listen(
    socket: ClientConnection, until: Callable[[dict[str, Any]], object], piece: float = 0.1
) -> list[dict[str, Any]]:
    """All that comes up to a certain message, while the caller is silent for as long as it takes."""
    told: list[dict[str, Any]] = []
    while not told or not until(told[-1]):
        try:
            async with asyncio.timeout(0.005):
                told.append(json.loads(await socket.recv()))
        except TimeoutError:
            await socket.send(quiet(piece))
    return told


def validate(message: dict[str, Any], version: int) -> None:
    """Raises ValidationError for what is not one of the messages of this version of the interface."""
    from deepgram.listen.v1 import types as v1
    from deepgram.listen.v2 import types as v2

    nova: dict[str, Any] = {
        "Results": v1.ListenV1Results,
        "SpeechStarted": v1.ListenV1SpeechStarted,
        "UtteranceEnd": v1.ListenV1UtteranceEnd,
        "Metadata": v1.ListenV1Metadata,
        "Error": v1.ListenV1Error,
        "ConfigureSuccess": v1.ListenV1ConfigureSuccess,
        "ConfigureFailure": v1.ListenV1ConfigureFailure,
    }
    flux: dict[str, Any] = {
        "Connected": v2.ListenV2Connected,
        "TurnInfo": v2.ListenV2TurnInfo,
        "Error": v2.ListenV2FatalError,
        "Warning": v2.ListenV2Warning,
        "ConfigureSuccess": v2.ListenV2ConfigureSuccess,
        "ConfigureFailure": v2.ListenV2ConfigureFailure,
    }
    model = (nova if version == 1 else flux)[message["type"]]
    assert not model.model_validate(message, strict=True).model_extra, "the SDK knows every field"
