"""The page in a real Chromium: what is seen, what can be done with it, by whom, and how far a nasty name gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from playwright.sync_api import Browser, Locator, Page, expect

from tests.observe.page.opened import Opened, faults, opened
from tests.observe.results import plausible_result
from tests.observe.timelines import NASTY, plausible, timelines
from tests.transports.chromium import browsing
from voicegraph.observe.page import Report
from voicegraph.observe.timeline import Happened, Node, Part, Stage, Timeline, Totals, Turn

CALL = plausible(40, words=True)
ANSWERS = {turn.turn: turn.answer for turn in CALL.turns if turn.answer is not None}
WORST = max(ANSWERS, key=lambda turn: ANSWERS[turn])
DRAWN = ".turns li:has(.path > i)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Opened]:
    with opened(browser) as window:
        yield window


@pytest.fixture
def tab(window: Opened) -> Opened:
    """As it is at first."""
    window.page.set_viewport_size({"width": 1280, "height": 900})
    window.page.emulate_media(color_scheme="light", media="screen", reduced_motion="reduce")
    return window


@pytest.fixture
def page(tab: Opened, tmp_path: Path) -> Page:
    """A call of 40 turns."""
    return tab.show(Report("Oak & <Dental>", CALL), tmp_path)


def turn(page: Page, number: int) -> Locator:
    return page.locator(".turns > li").filter(has=page.locator(".number", has_text=f"Turn {number}")).first


def head(page: Page, number: int) -> Locator:
    return turn(page, number).get_by_role("button")


def test_the_figures_are_those_of_the_call(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Oak & <Dental>")
    ordered = sorted(ANSWERS.values())
    p50 = ordered[(len(ordered) + 1) // 2 - 1]
    card = page.locator("#cards .card").first
    expect(card.locator("dd").first).to_have_text(f"{p50 * 1000:,.0f} ms")
    expect(page.locator("#cards .big")).to_have_text(f"{ANSWERS[WORST] * 1000:,.0f} ms")
    expect(page.locator(".budgets li").first).to_contain_text("broken by")
    expect(page.locator(".turns > li")).to_have_count(40)
    expect(page.locator("table.nodes tbody tr")).to_have_count(len(CALL.nodes))
    expect(page.locator(".graph .box")).to_have_count(len(CALL.nodes) + 1)  # the line twice


def test_the_bars_of_a_turn_stand_where_its_times_are(page: Page) -> None:
    shown = turn(page, WORST)
    shown.scroll_into_view_if_needed()
    parts = [box for part in shown.locator(".path .part").all() if (box := part.bounding_box())]
    axis = shown.locator(".path").bounding_box()
    assert axis is not None
    last = parts[-1]["x"] + parts[-1]["width"]
    pixels = (last - parts[0]["x"]) / ANSWERS[WORST]  # in a second
    for part, box in zip(CALL.turns[WORST - 1].path, parts, strict=True):
        assert box["x"] - parts[0]["x"] == pytest.approx(
            pixels * (part.start - CALL.turns[WORST - 1].path[0].start), abs=3
        )
        assert box["width"] == pytest.approx(max(2, pixels * part.seconds), abs=3)
    assert axis["x"] < parts[0]["x"] < last <= axis["x"] + axis["width"]


def test_the_worst_turn_is_a_click_away(page: Page) -> None:
    page.get_by_role("button", name=f"Show turn {WORST}").click()
    expect(head(page, WORST)).to_be_focused()
    expect(head(page, WORST)).to_have_attribute("aria-expanded", "true")
    rows = turn(page, WORST).locator(".path-table tr")
    assert rows.count() == len(CALL.turns[WORST - 1].path)
    expect(turn(page, WORST).locator(".words-said .caller")).to_have_text("When do you open on Saturdays?")


def test_turns_are_sorted_and_chosen(page: Page) -> None:
    page.get_by_label("In which order").select_option("Slowest first")
    expect(page.locator(".turns > li .number").first).to_have_text(f"Turn {WORST}")
    page.get_by_label("Which turns").select_option("Interrupted")
    interrupted = [each.turn for each in CALL.turns if each.interrupted is not None]
    expect(page.locator(".turns > li:visible")).to_have_count(len(interrupted))
    expect(page.get_by_text(f"{len(interrupted)} of 40 turns")).to_be_visible()


def test_the_keyboard_is_enough(page: Page) -> None:
    head(page, 3).focus()
    page.keyboard.press("ArrowDown")
    expect(head(page, 4)).to_be_focused()
    page.keyboard.press("Enter")
    expect(turn(page, 4).locator(".lane").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text("stt")
    expect(tip).to_contain_text("final transcript")
    expect(page.locator("#told")).to_contain_text("stt, final transcript")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("End")
    expect(head(page, 40)).to_be_focused()
    page.keyboard.press("Home")
    expect(head(page, 1)).to_be_focused()


def test_the_axis_is_zoomed_by_keys_by_dragging_and_by_a_click_on_a_part(page: Page) -> None:
    reset = page.get_by_role("button", name="Reset")
    expect(reset).to_be_hidden()
    head(page, 2).press("+")
    expect(reset).to_be_visible()
    near = _seen(page)
    head(page, 2).press("0")
    assert _seen(page) > near
    expect(reset).to_be_hidden()
    box = turn(page, 2).locator(".path").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10)
    page.mouse.up()
    whole = _seen(page)
    expect(head(page, 2)).to_have_attribute("aria-expanded", "false")  # a drag is no click
    reset.click()
    assert whole == pytest.approx(_seen(page) / 4, rel=0.05)
    head(page, 2).click()
    part = turn(page, 2).locator(".path .part").nth(1)
    part.click()
    wide = part.bounding_box()
    assert wide is not None
    assert wide["width"] == pytest.approx(box["width"] / 1.2, rel=0.02)


def _seen(page: Page) -> float:
    """Seconds of the axis that are seen."""
    return 100 / float(page.locator(".waterfall").evaluate("each => each.style.getPropertyValue('--per')"))


def test_what_is_pointed_at_is_told(page: Page) -> None:
    turn(page, 2).scroll_into_view_if_needed()
    turn(page, 2).locator(".path .part").first.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("of the answer")
    page.locator(".graph .box", has_text="llm").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("of the critical path")
    page.mouse.move(2, 2)
    expect(page.get_by_role("tooltip")).to_be_hidden()


def test_of_many_turns_those_in_view_are_drawn(tab: Opened, tmp_path: Path) -> None:
    page = tab.show(Report("many", plausible(400)), tmp_path)
    expect(page.locator(".turns > li")).to_have_count(400)
    assert page.locator(DRAWN).count() < 150
    assert turn(page, 400).locator(".path > i").count() == 0
    head(page, 400).focus()
    expect(turn(page, 400).locator(".path > i").first).to_be_attached()


def test_on_paper_all_is_drawn_and_nothing_can_be_pressed(tab: Opened, tmp_path: Path) -> None:
    page = tab.show(Report("many", plausible(150)), tmp_path)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(DRAWN)).to_have_count(150)
    expect(page.locator(".controls")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(tab: Opened, tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    page = tab.show(Report("compared", plausible_result(1, rounds=2), plausible_result(2, rounds=2)), tmp_path)
    page.get_by_role("button", name="Show ").click()
    assert faults(page) == []


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_is_wider_than_a_small_screen(tab: Opened, tmp_path: Path, width: int) -> None:
    page = tab.show(Report("compared", plausible_result(1), plausible_result(2)), tmp_path)
    page.set_viewport_size({"width": width, "height": 740})
    page.get_by_role("button", name="Show ").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_an_older_result_is_shown_beside_it(tab: Opened, tmp_path: Path) -> None:
    new = plausible_result(2, rounds=8, slower={"llm": 4.0}, plan="name: front-desk\nllm: small\n")
    page = tab.show(Report("compared", new, plausible_result(1, rounds=8)), tmp_path)
    table = page.locator("#comparison-table")
    expect(table.get_by_role("row", name="llm: part of the answer")).to_contain_text("slower")
    expect(table.get_by_role("row", name="stt: part of the answer")).to_contain_text("no difference beyond noise")
    expect(page.get_by_text("8 rounds then, 8 now")).to_be_visible()
    page.get_by_text("What the graph says now").click()
    expect(table.locator("pre")).to_have_text("+llm: small\n")
    expect(page.locator(".curve.old").first).to_be_attached()


def test_without_an_older_result_there_is_no_comparison(page: Page) -> None:
    expect(page.locator("#comparison")).to_be_hidden()
    expect(page.get_by_role("link", name="Comparison")).to_be_hidden()


@pytest.mark.parametrize("name", [*NASTY, "<img src=x onerror=alert(1)>", "x" * 300])
def test_a_nasty_name_is_text(tab: Opened, tmp_path: Path, name: str) -> None:
    made = Turn(
        turn=1,
        began=1.0,
        speech_end=1.0,
        marks={name: 1.2, "heard": 1.5},
        answer=0.5,
        path=(Part(node=name, what=name, start=1.0, end=1.5),),
        stages=(Stage(node=name, came=1.0, taken=1.1, first=1.2, last=1.4),),
        happened=(Happened(at=1.1, node=name, what=name),),
        asked=name,
        heard=name,
        unheard=name,
    )
    call = Timeline(
        graph=name,
        line=name,
        nodes=(Node(name=name, use=name),),
        wires=((name, name),),
        budgets={name: 0.1},
        turns=(made,),
        totals=(Totals(node=name, items=1, queue=(0.1,), first=(0.1,)),),
    )
    page = tab.show(Report(name, call), tmp_path)
    page.get_by_role("button", name="Show ").click()
    assert page.locator(".words-said .caller").text_content() == name
    assert page.locator("img:not([src^='data:']), script:not([type]):not(:empty) ~ b").count() == 0


@given(timelines())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_call_is_drawn(tab: Opened, tmp_path: Path, timeline: Timeline) -> None:
    page = tab.show(Report(timeline.graph, timeline), tmp_path)
    expect(page.locator(".turns > li")).to_have_count(len(timeline.turns))
    if timeline.turns:
        page.get_by_role("button", name="Open all").click()
    assert tab.wrong == []


def test_a_call_in_which_nothing_happened_is_shown_too(tab: Opened, tmp_path: Path) -> None:
    page = tab.show(Report("quiet", Timeline(graph="quiet")), tmp_path)
    expect(page.get_by_text("nobody was answered").first).to_be_visible()
    expect(page.get_by_text("nobody interrupted")).to_be_visible()
