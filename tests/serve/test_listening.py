"""The port that a server has, and what its processes have of it."""

from __future__ import annotations

import pickle
import socket
import sys
from contextlib import ExitStack

import pytest

from tests.serve.served import HOST
from voicegraph.errors import VoicegraphError
from voicegraph.serve.server import listen


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not spread connections")
def test_connections_are_spread_evenly_over_processes() -> None:
    """Of 64, one of two gets fewer than 12 once in ten million times."""
    with ExitStack() as stack:
        parent = stack.enter_context(listen(HOST, 0, shared=True))
        processes = [stack.enter_context(pickle.loads(pickle.dumps(parent))) for _ in range(2)]
        for _ in range(64):
            stack.enter_context(socket.create_connection(parent.getsockname(), 20))
        came = [_waiting(each, stack) for each in processes]
    assert sum(came) == 64
    assert min(came) >= 12


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_somebody_has_is_told(*, shared: bool) -> None:
    with listen(HOST, 0) as first, pytest.raises(VoicegraphError, match="Choose another with --host and --port"):
        listen(HOST, first.getsockname()[1], shared=shared)


def _waiting(listener: socket.socket, stack: ExitStack) -> int:
    """How many connections wait to be accepted."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            stack.enter_context(listener.accept()[0])
        except BlockingIOError:
            return count
        count += 1
