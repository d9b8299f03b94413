"""uvicorn's connections, with patience for peers that ask for nothing, and none for those that flood.

An app sees requests and messages only. What comes between them, nobody else would bound: headers that never end, pings
that are answered whether the answers are read or not, messages in parts without end.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame

from voicegraph.serve.app import App
from voicegraph.serve.doors import told
from voicegraph.serve.limits import Budget
from voicegraph.serve.socket import Socket

READS_WITHIN = 1.0
"""Seconds for a peer to read why its connection is closed. What else it sends is not read."""


class Http(H11Protocol):
    """A connection is closed on which no whole request comes for `starts_within`, be it the first or a later one."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._stop()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        self._stop()
        if (app := _served(self)) is not None:
            app.refused("malformed")
        super().send_400_response(msg)

    def _wait(self) -> None:
        self._stop()
        if (app := _served(self)) is not None:
            self._patience = self.loop.call_later(app.limits.starts_within, self._check, app)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _check(self, app: App) -> None:
        """A request that has come is the app's business."""
        cycle: Any = self.cycle
        if (cycle is None or cycle.response_complete) and not self.transport.is_closing():
            app.refused("silent")
            self.transport.abort()


class WebSocket(Socket):
    """Counts the frames that are no message of their own as messages are counted, and closes for too many."""

    _budget: Budget | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if (app := _served(self)) is not None:
            self._budget = Budget(app.limits.messages_per_second, self.loop.time)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except InvalidState:  # uvicorn cannot close a second time, for what is no text behind a goodbye
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1007, "reason": ""})
            self.transport.abort()

    def handle_ping(self) -> None:
        if self._within_budget():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._within_budget():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if self._within_budget():
            super().handle_cont(event)

    def _within_budget(self) -> bool:
        if self.close_sent or self._budget is None:
            return self._budget is None
        if self._budget.spend():
            return True
        code, reason = told("flood")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.frames = []
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent, self.read_paused = True, False
        self.transport.pause_reading()
        self.close_timer = self.loop.call_later(READS_WITHIN, self.transport.abort)  # else it could not read why
        return False


def _served(protocol: H11Protocol | WebSocket) -> App | None:
    """Our app, where it is not a part of another."""
    app: object = cast(Any, protocol.config).loaded_app
    return app if isinstance(app, App) else None
