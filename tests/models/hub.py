"""A model, and the places to get it from, made for a test: a hub on this machine, a wheel in a directory."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from voicegraph.models import File, Model
from voicegraph.models.manifest import Hub, Source, Wheel

CONTENT = {"weights.bin": bytes(range(256)) * 4000, "config.json": b'{"a": 1}'}


def file_of(name: str, content: bytes) -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content))


def model_of(*sources: Source, content: Mapping[str, bytes] = CONTENT) -> Model:
    files = tuple(file_of(name, data) for name, data in content.items())
    return Model("toy", "a model for tests", "CC0", files, sources, entry="weights.bin")


def write_wheel(directory: Path, content: Mapping[str, bytes] = CONTENT) -> Wheel:
    """A wheel that pip accepts, in a directory that PIP_FIND_LINKS can name."""
    path = directory / "toy_weights-1.0-py3-none-any.whl"
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in content.items():
            wheel.writestr(f"toy_weights/{name}", data)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return Wheel("toy-weights", "1.0", "toy_weights", path.stat().st_size)


@dataclass
class Served:
    """A running hub. asked: path and Range of each request, in order. serve: what to send; bytes cut from the end of
    `cut` responses break the connection off early."""

    hub: Hub
    content: dict[str, bytes]
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    cut: list[int] = field(default_factory=list[int])
    hold: Callable[[], None] = lambda: None

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        self.hold()
        whole = self.content.get(request.path.lstrip("/"))
        if whole is None:
            request.send_error(404)
            return
        start = int(match[1]) if wanted and (match := re.match(r"bytes=(\d+)-", wanted)) else 0
        body = whole[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) - self.cut.pop(0)] if self.cut else body)


@contextmanager
def serving(content: Mapping[str, bytes] = CONTENT) -> Generator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Served(Hub(f"http://127.0.0.1:{server.server_port}/"), dict(content))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
