"""The folder of phrases: what is written is read, what is spoilt is noticed, and it does not grow for ever."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.phrases.process import KEYS, LIMIT, right
from tests.phrases.voices import sound
from voicegraph.engine.phrases import Piece
from voicegraph.phrases import Folder
from voicegraph.phrases.folder import HEAD, seal, unseal

KEY, OTHER = KEYS[:2]
PIECES = st.lists(st.builds(Piece, st.binary(), st.integers(1, 192_000), st.text()), max_size=5).map(tuple)


def process(what: str, root: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.phrases.process", what, str(root), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def names(root: Path) -> set[str]:
    return {path.stem for path in root.iterdir()}


def used_at(root: Path, key: str, second: int) -> None:
    os.utime(root / f"{key}.phrase", (second, second))


# --- one file ---------------------------------------------------------------------------------------------------------


@given(PIECES)
def test_what_is_sealed_is_unsealed(pieces: tuple[Piece, ...]) -> None:
    assert unseal(KEY, seal(KEY, pieces)) == pieces


@given(PIECES, st.data())
def test_no_part_of_a_file_is_a_phrase(pieces: tuple[Piece, ...], data: st.DataObject) -> None:
    whole = seal(KEY, pieces)
    assert unseal(KEY, whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@settings(max_examples=300)
@given(PIECES, st.data())
def test_no_byte_can_change(pieces: tuple[Piece, ...], data: st.DataObject) -> None:
    spoilt = bytearray(seal(KEY, pieces))
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    assert unseal(KEY, bytes(spoilt)) is None


def test_a_phrase_under_another_name_is_none() -> None:
    assert unseal(OTHER, seal(KEY, sound())) is None


@given(st.binary())
def test_a_checksum_does_not_make_a_phrase(body: bytes) -> None:
    """Of whatever a program may write that knows how we seal."""
    from voicegraph.phrases import folder

    data = folder.MAGIC + folder._checksum(KEY, body) + body  # pyright: ignore[reportPrivateUsage]
    found = unseal(KEY, data)
    assert found is None or all(isinstance(piece, Piece) for piece in found)


# --- the folder -------------------------------------------------------------------------------------------------------


def test_it_is_made_when_something_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    assert Folder(root).read(KEY) is None
    assert not root.exists()
    Folder(root).write(KEY, sound())
    assert Folder(root).read(KEY) == sound()
    assert names(root) == {KEY}


@pytest.mark.parametrize("cut", [0, 5, HEAD, HEAD + 3, -1])
def test_a_spoilt_file_is_deleted_and_written_anew(tmp_path: Path, cut: int) -> None:
    folder, file = Folder(tmp_path), tmp_path / f"{KEY}.phrase"
    folder.write(KEY, sound())
    file.write_bytes(file.read_bytes()[:cut])
    assert folder.read(KEY) is None
    assert not file.exists()
    folder.write(KEY, sound())
    assert folder.read(KEY) == sound()


def test_a_file_that_is_too_long_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / f"{KEY}.phrase").open("wb") as file:
        file.truncate(10**12)
    assert Folder(tmp_path).read(KEY) is None
    assert names(tmp_path) == set()


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 3_300)
    for second, key in enumerate(KEYS[:3]):
        folder.write(key, sound(1_000))
        used_at(tmp_path, key, second)
    assert folder.read(KEYS[0])
    folder.write(KEYS[3], sound(1_000))
    assert names(tmp_path) == {KEYS[0], KEYS[2], KEYS[3]}


def test_to_be_said_from_memory_is_to_be_used(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 2_300)
    for second, key in enumerate(KEYS[:2]):
        folder.write(key, sound(1_000))
        used_at(tmp_path, key, second)
    folder.use(KEYS[0], sound(1_000))
    folder.write(KEYS[2], sound(1_000))
    assert names(tmp_path) == {KEYS[0], KEYS[2]}
    folder.use(KEYS[1], sound(1_000))  # and is back
    assert names(tmp_path) == {KEYS[1], KEYS[2]}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3_000)), max_size=60))
@settings(max_examples=40, deadline=None)
def test_it_keeps_to_its_limit(tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]]) -> None:
    root = tmp_path_factory.mktemp("phrases")
    folder = Folder(root, 5_000)
    for number, size in writes:
        folder.write(f"{number:064x}", sound(size))
        assert sum(path.stat().st_size for path in root.iterdir()) <= 5_000
        assert folder.read(f"{number:064x}") == sound(size)


def test_a_phrase_that_alone_is_too_long_drives_nobody_out(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 3_000)
    folder.write(KEY, sound(1_000))
    folder.write(OTHER, sound(4_000))
    assert names(tmp_path) == {KEY}


def test_files_of_others_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(bytes(10_000))
    (tmp_path / f"{OTHER}.phrase").mkdir()
    os.utime(tmp_path / "notes.txt", (0, 0))
    folder = Folder(tmp_path, 3_000)
    for key in KEYS[2:8]:
        folder.write(key, sound(1_000))
    assert names(tmp_path) > {"notes", OTHER}


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="No space"):
            Folder(tmp_path).write(KEY, sound())
    assert names(tmp_path) == set()


# --- other processes --------------------------------------------------------------------------------------------------


def test_processes_share_it(tmp_path: Path) -> None:
    """All write, read and make room at once, with room for fewer phrases than there are."""
    crowd = [process("crowd", tmp_path, str(seed)) for seed in range(3)]
    told = [each.communicate()[1] for each in crowd]
    assert told == ["", "", ""]
    Folder(tmp_path, LIMIT).write(KEY, right(KEY))
    kept = [path for path in tmp_path.iterdir() if path.suffix == ".phrase"]
    assert {path.name for path in kept} == {path.name for path in tmp_path.iterdir()}
    assert sum(path.stat().st_size for path in kept) <= LIMIT
    assert all(Folder(tmp_path).read(path.stem) == right(path.stem) for path in kept)


def test_a_process_that_dies_over_a_phrase(tmp_path: Path) -> None:
    dying = process("crash", tmp_path)
    dying.communicate()
    assert dying.returncode == 9
    (unfinished,) = tmp_path.iterdir()
    folder = Folder(tmp_path)
    assert folder.read(KEY) is None
    folder.write(KEY, sound())
    assert folder.read(KEY) == sound()
    assert unfinished.exists()  # for all we know somebody is still at it
    os.utime(unfinished, (0, 0))
    Folder(tmp_path).write(OTHER, sound())
    assert names(tmp_path) == {KEY, OTHER}


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
def test_a_disk_that_is_full_in_mid_write(tmp_path: Path) -> None:
    """For real. The long phrase is lost on disk and said from memory; the short one is kept."""
    told, wrong = process("full", tmp_path).communicate()
    assert "File too large" in told, wrong
    assert wrong.count("VOICEGRAPH_PHRASES") == 1
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_size < 6_000
