"""`voicegraph emulate`: the vendors' protocols on this machine, for any client of theirs."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.commands.emulating import BackendOption, Emulation, FaultsOption, OfflineOption, ScriptOption, told

if TYPE_CHECKING:
    from voicegraph.emulators.exchange import Exchange

PORT = 8642
LOOPBACK = "127.0.0.1"


class Vendor(StrEnum):
    """Whose protocols."""

    DEEPGRAM = "deepgram"
    OPENAI = "openai"
    ELEVENLABS = "elevenlabs"
    ALL = "all"


def emulate(
    vendor: Annotated[Vendor, typer.Argument(help="Whose protocol.")] = Vendor.ALL,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = PORT,
    host: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in.")] = LOOPBACK,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Serves the protocols of Deepgram, OpenAI and ElevenLabs on this machine, for any program, until Ctrl-C."""
    import asyncio

    emulation = Emulation(backend, script, faults, offline)
    asyncio.run(_serve(vendor, port, host, emulation))


async def _serve(vendor: Vendor, port: int, host: str, emulation: Emulation) -> None:
    import asyncio

    backend, faults = emulation.open()
    from voicegraph.emulators.server import VENDORS, Emulators

    vendors = tuple(VENDORS) if vendor is Vendor.ALL else (vendor.value,)
    async with Emulators(vendors, backend=backend, faults=faults, host=host, port=port, ended=_tell) as emulators:
        terminal.notice(told(vendors, emulators.address, emulation.kind) + "; Ctrl-C stops it", style="")
        if emulators.open_to_all:
            terminal.notice("other machines are let in, with any key", style="yellow")
        for name, value in emulators.environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        await asyncio.Event().wait()


def _tell(exchange: Exchange) -> None:
    """One line about a request that is over."""
    assert exchange.ended is not None
    fault = f" ({exchange.fault.kind})" if exchange.fault and exchange.struck else ""
    method = "WS" if exchange.transport == "websocket" else exchange.method
    seconds = exchange.ended - exchange.began
    terminal.notice(
        f"{exchange.vendor:10}  {method:4} {exchange.path}  {exchange.status or '-'} {exchange.outcome}{fault}, "
        f"{exchange.messages} messages in {seconds:.2f} s"
    )
