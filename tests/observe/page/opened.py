"""The page of a report in a Chromium without a network, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.transports.chromium import TIMEOUT
from voicegraph.observe.page import Report, write


@dataclass
class Opened:
    """wrong: exceptions, refused resources and dialogs. asked: addresses that the page asked for."""

    page: Page
    wrong: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    def show(self, report: Report, folder: Path) -> Page:
        file = folder / "page.html"
        write(report, file)
        self.page.goto(file.as_uri())
        return self.page


@contextmanager
def opened(browser: Browser) -> Generator[Opened]:
    """Fails at its end if anything went wrong in the page, or it asked for anything but itself."""
    context = browser.new_context(offline=True)
    try:
        made = Opened(context.new_page())
        made.page.set_default_timeout(TIMEOUT)
        made.page.on("pageerror", lambda error: made.wrong.append(str(error)))
        made.page.on("console", lambda message: made.wrong.append(message.text))
        made.page.on("dialog", lambda dialog: made.wrong.append(dialog.message))
        made.page.on("request", lambda request: made.asked.append(request.url))
        yield made
        assert made.wrong == []
        assert [each for each in made.asked if not each.startswith(("file:", "data:"))] == []
    finally:
        context.close()


def faults(page: Page) -> list[str]:
    """What axe, the checker of accessibility, has to say of the page as it is."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run()")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]
