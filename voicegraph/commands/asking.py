"""A server that runs, as `voicegraph top` and `voicegraph tap` ask it over HTTP."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlencode, urlsplit

from voicegraph.errors import VoicegraphError

TOKEN = "VOICEGRAPH_TOKEN"
WITHIN = 10.0
"""Seconds for an answer to begin."""


class Refused(VoicegraphError):
    """The server answers with something else than what was asked for. status: of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """url: `http://host:port`, with a path if it is mounted in another app; without a scheme it is http.

    Raises VoicegraphError for one that cannot be.
    """

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(self.url)
            self._port = parts.port
        except ValueError:
            raise VoicegraphError(f"{url} is no address: write it as http://127.0.0.1:8080") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise VoicegraphError(f"{url} is no address of a server: write it as http://127.0.0.1:8080")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host = parts.hostname
        self._path = parts.path.rstrip("/")

    def ask(self, path: str) -> bytes:
        """Raises VoicegraphError."""
        with self._answer(path, {}) as answer:
            return answer.read()

    def lines(self, path: str, query: Mapping[str, str]) -> Generator[bytes]:
        """As they come, for as long as they do."""
        with self._answer(path, query) as answer:
            yield from answer

    @contextmanager
    def _answer(self, path: str, query: Mapping[str, str]) -> Generator[HTTPResponse]:
        connection = self._kind(self._host, self._port, timeout=WITHIN)
        token = os.environ.get(TOKEN)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request("GET", self._path + path + (f"?{urlencode(query)}" if query else ""), headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise Refused(answer.status, self._refused(path, answer))
            if connection.sock is not None:
                connection.sock.settimeout(None)  # a call may be silent for long
            yield answer
        except (OSError, HTTPException) as error:
            raise VoicegraphError(
                f"cannot ask {self.url}: {getattr(error, 'strerror', None) or error or type(error).__name__}. "
                "Is it the address of a `voicegraph serve` that runs?"
            ) from error
        finally:
            connection.close()

    def _refused(self, path: str, answer: HTTPResponse) -> str:
        text = answer.read(1_000).decode("utf-8", "replace").strip()
        if answer.status == 401:
            return f"{self.url} wants a token: set {TOKEN} to what it is where the server runs"
        if answer.status == 404 and (path == "/stats" or text.startswith("wrong-path")):
            return f"{self.url} has no {path}: is it the address of a `voicegraph serve`, of this version?"
        return text or f"{self.url}{path} answers with HTTP {answer.status}"
