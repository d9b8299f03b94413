"""The page in a real browser: Chromium without a window, whose microphone plays a WAV file."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 20_000
"""Milliseconds that a step may take on a busy machine."""


def chromium() -> str:
    """The path of the system's Chromium; skips the test where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium: on Debian, apt install chromium")
    return found


@contextmanager
def browsing(microphone: Path | None = None) -> Generator[Browser]:
    """microphone: a WAV file, which begins when the page opens the microphone. Without one it beeps."""
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if microphone is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, port: int, **options: str) -> Generator[tuple[Page, list[str]]]:
    """A page of its own, and what went wrong in it: exceptions, refused resources, errors on its console."""
    wrong: list[str] = []
    context = browser.new_context(**options)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"http://localhost:{port}/")
        yield page, wrong
    finally:
        context.close()
