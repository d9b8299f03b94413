"""The store of a process: memory before the folder, the folder behind the calls, and calls that go on without it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from tests.phrases.voices import plan_of, sound, voice
from voicegraph import phrases
from voicegraph.engine.phrases import Phrases, Piece
from voicegraph.phrases import Folder, PhraseStore, store
from voicegraph.testing.virtual import VirtualLoop, run_virtual

ROOT_IS_MIGHTY = hasattr(os, "geteuid") and os.geteuid() == 0
HOUR = 3_600.0


@pytest.fixture
def warnings() -> Generator[list[str]]:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), level="WARNING")
    yield told
    logger.remove(sink)


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """May take its time to read a file."""
    monkeypatch.setattr(store, "PATIENCE", 30.0)


def run(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Each on a loop of its own, as calls of different commands."""
    return [asyncio.run(each) for each in work]


async def keep(kept: PhraseStore, text: str, pieces: tuple[Piece, ...], **config: Any) -> None:
    kept.keep(voice(**config), text, pieces)
    kept.close()


def test_it_is_what_the_engine_asks_for(tmp_path: Path) -> None:
    asked: Phrases = PhraseStore(Folder(tmp_path))
    assert run(asked.find(voice(), "hello")) == [None]


def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    run(keep(PhraseStore(Folder(tmp_path)), "Hello there.", sound()))
    other = PhraseStore(Folder(tmp_path))
    found = run(other.find(voice(), " Hello  there. "), other.find(voice(person="bob"), "Hello there."))
    assert found == [sound(), None]


def test_what_was_kept_is_there_at_once(tmp_path: Path) -> None:
    """Within the loop step: no thread, no disk."""

    async def call() -> None:
        kept = PhraseStore(Folder(tmp_path / "nowhere"))
        kept.keep(voice(), "hello", sound())
        finding = kept.find(voice(), "hello")
        with pytest.raises(StopIteration) as done:
            finding.send(None)
        assert done.value.value == sound()
        kept.close()

    asyncio.run(call())


def test_what_was_loaded_is_there_though_the_disk_is_gone(tmp_path: Path) -> None:
    first, backup, stranger = voice(fallback=("backup",)), voice("backup", person="bob"), voice("other", person="eve")
    for each, text in ((first, "hello"), (backup, "hello"), (first, "unplanned"), (stranger, "hello")):
        run(keep(PhraseStore(Folder(tmp_path)), text, sound(text=each.name), **each.config))
    kept = PhraseStore(Folder(tmp_path))
    run(kept.load(plan_of(first, backup, stranger, phrases=("hello", "never rendered"))))
    for file in tmp_path.iterdir():
        file.unlink()
    found = run(
        kept.find(first, "hello"),
        kept.find(backup, "hello"),
        kept.find(first, "never rendered"),
        kept.find(first, "unplanned"),
        kept.find(stranger, "hello"),
    )
    assert found == [sound(text="tts"), sound(text="backup"), None, None, None]


def test_silence_is_not_kept(tmp_path: Path) -> None:
    run(keep(PhraseStore(Folder(tmp_path)), "hello", (Piece(b"", 8_000, "hello"),)))
    assert list(tmp_path.iterdir()) == []


def test_half_a_character_in_a_reply_is_no_fault(
    tmp_path: Path, warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    kept = PhraseStore(Folder(tmp_path))
    run(keep(kept, "\ud83d", sound(text="\ud83d")))
    assert run(kept.find(voice(), "\ud83d")) == [sound(text="\ud83d")]
    assert (list(tmp_path.iterdir()), warnings, caplog.records) == ([], [], [])


def test_memory_is_bounded_and_forgets_what_was_said_longest_ago() -> None:
    kept = PhraseStore(None, memory=3_000)

    async def call() -> list[bool]:
        for text in "abc":
            kept.keep(voice(), text, sound(1_000))
        await kept.find(voice(), "a")
        kept.keep(voice(), "c", sound(900))  # instead of the one before
        kept.keep(voice(), "d", sound(1_100))
        return [await kept.find(voice(), text) is not None for text in "abcd"]

    assert asyncio.run(call()) == [True, False, True, True]


def test_a_phrase_that_alone_is_too_long_drives_nobody_out() -> None:
    kept = PhraseStore(None, memory=3_000)

    async def call() -> list[bool]:
        kept.keep(voice(), "a", sound(1_000))
        kept.keep(voice(), "long", sound(3_001))
        return [await kept.find(voice(), text) is not None for text in ("a", "long")]

    assert asyncio.run(call()) == [True, False]


# --- virtual time -----------------------------------------------------------------------------------------------------


def test_it_works_in_virtual_time(tmp_path: Path) -> None:
    run_virtual(keep(PhraseStore(Folder(tmp_path)), "hello", sound()), seed=1)
    assert run_virtual(PhraseStore(Folder(tmp_path)).find(voice(), "hello"), seed=1) == sound()


def test_what_is_said_from_memory_all_day_stays_on_disk(tmp_path: Path) -> None:
    """It counts as used, and is put back if somebody deleted it."""
    kept = PhraseStore(Folder(tmp_path))

    def files() -> list[Path]:
        return list(tmp_path.iterdir())

    async def day() -> None:
        kept.keep(voice(), "hello", sound())
        (file,) = files()
        os.utime(file, (0, 0))
        await kept.find(voice(), "hello")
        assert file.stat().st_mtime == 0  # not with each call
        await asyncio.sleep(HOUR)
        await kept.find(voice(), "hello")
        assert file.stat().st_mtime > 0
        file.unlink()
        await asyncio.sleep(HOUR)
        await kept.find(voice(), "hello")
        assert file.exists()

    run_virtual(day())


# --- folders that are of no use ---------------------------------------------------------------------------------------


async def two_calls(kept: PhraseStore) -> None:
    """Neither notices anything."""
    for text in ("hello", "good bye"):
        assert await kept.find(voice(), text) is None
        kept.keep(voice(), text, sound(text=text))
        assert await kept.find(voice(), text) == sound(text=text)
    kept.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(code, os.strerror(code))

    kept = PhraseStore(Folder(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.NamedTemporaryFile", refuse)
        asyncio.run(two_calls(kept))
    assert kept.trouble == f"the folder of phrases {tmp_path} cannot be used: {os.strerror(code)}"
    (warning,) = warnings
    assert warning.startswith(f"the folder of phrases {tmp_path} ")
    assert "VOICEGRAPH_PHRASES" in warning


@pytest.mark.skipif(ROOT_IS_MIGHTY, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read(tmp_path: Path, warnings: list[str]) -> None:
    run(keep(PhraseStore(Folder(tmp_path)), "rendered ahead", sound()))
    tmp_path.chmod(0o500)
    try:
        kept = PhraseStore(Folder(tmp_path))
        assert run(kept.find(voice(), "rendered ahead")) == [sound()]
        assert warnings == []
        asyncio.run(two_calls(kept))
    finally:
        tmp_path.chmod(0o700)
    assert len(warnings) == 1


def test_a_folder_that_is_a_file(tmp_path: Path, warnings: list[str]) -> None:
    (tmp_path / "file").touch()
    asyncio.run(two_calls(PhraseStore(Folder(tmp_path / "file"))))
    assert len(warnings) == 1


def test_a_phrase_whose_place_is_taken(tmp_path: Path, warnings: list[str]) -> None:
    run(keep(PhraseStore(Folder(tmp_path)), "hello", sound()))
    (file,) = tmp_path.iterdir()
    file.unlink()
    file.mkdir()
    asyncio.run(two_calls(PhraseStore(Folder(tmp_path))))
    assert len(warnings) == 1
    assert file.is_dir()


class Hanging(Folder):
    """On a disk that does not answer."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.answers = threading.Event()
        self.asked = 0

    def read(self, key: str) -> tuple[Piece, ...] | None:
        self.asked += 1
        self.answers.wait()
        return super().read(key)


def test_a_disk_that_hangs_is_waited_for_once(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.01)
    folder = Hanging(tmp_path)
    kept = PhraseStore(folder)

    async def call() -> None:
        for text in ("one", "two", "three"):
            assert await kept.find(voice(), text) is None
            kept.keep(voice(), text, sound())  # not to wait in a queue for ever
            assert await kept.find(voice(), text) == sound()

    try:
        asyncio.run(call())
        assert folder.asked == 1
    finally:
        folder.answers.set()
        kept.close()
    assert len(warnings) == 1
    assert "took more than 0.01 s" in warnings[0]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_answers_again_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time, in which reading takes a second."""
    run(keep(PhraseStore(Folder(tmp_path)), "hello", sound()))
    kept = PhraseStore(Folder(tmp_path))

    async def call() -> list[bool]:
        monkeypatch.setattr(store, "PATIENCE", 0.9)
        slow = await kept.find(voice(), "hello")
        monkeypatch.setattr(store, "PATIENCE", 1.1)
        resting = await kept.find(voice(), "hello")
        await asyncio.sleep(store.REST + 1)
        return [found is not None for found in (slow, resting, await kept.find(voice(), "hello"))]

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(offload=1.0)) as runner:
        assert runner.run(call()) == [False, False, True]


# --- where it is ------------------------------------------------------------------------------------------------------


def test_where_the_users_phrases_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGRAPH_PHRASES", str(tmp_path / "mine"))
    run(keep(phrases.of_user(), "hello", sound()))
    assert len(list((tmp_path / "mine").iterdir())) == 1
    monkeypatch.delenv("VOICEGRAPH_PHRASES")
    assert (phrases.root().name, phrases.root().parent.name) == ("phrases", "voicegraph")
