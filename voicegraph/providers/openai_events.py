"""Server-sent events, read for little CPU: the SDK makes a pydantic model of each, at 100 us and more."""

from __future__ import annotations

from collections.abc import Iterator


class Events:
    """Cuts a stream of bytes into the data of its events (WHATWG HTML, section 9.2). Their names are not looked at."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that ends in this piece."""
        lines = (self._rest + piece).splitlines(keepends=True)
        # A CR at the end may be half of a CRLF, and a line without an end goes on in the next piece.
        self._rest = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
        for line in lines:
            text = line.rstrip(b"\r\n")
            field, _, value = text.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not text and self._data:
                yield self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                self._data.clear()
