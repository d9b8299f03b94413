"""WAV files of every kind in, whole ones out, and a clear line for all that cannot be used."""

from __future__ import annotations

import builtins
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicegraph.audio.wav import check_readable, check_writable, read_wav, write_wav
from voicegraph.errors import AudioError

sf: Any = pytest.importorskip("soundfile")

RATE = 16_000


def tone(rate: int = RATE, seconds: float = 0.1, hertz: float = 440) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def pcm(samples: NDArray[np.float64]) -> bytes:
    return np.rint(samples * 32_768).astype("<i2").tobytes()


def difference(one: bytes, other: bytes) -> int:
    """The largest difference between two sounds of one length, in steps of PCM16."""
    a, b = (np.frombuffer(sound, "<i2").astype(int) for sound in (one, other))
    assert len(a) == len(b)
    return int(np.abs(a - b).max())


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.wav"
    write_wav(path, pcm(tone()), RATE)
    return path


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_16", 1), ("PCM_24", 1), ("PCM_32", 1), ("FLOAT", 1), ("DOUBLE", 1), ("PCM_U8", 300), ("ULAW", 600)],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_width_and_any_number_of_channels(tmp_path: Path, subtype: str, tolerance: int, channels: int) -> None:
    path = tmp_path / "in.wav"
    sf.write(path, np.stack([tone()] * channels, axis=1), RATE, subtype=subtype)
    assert difference(read_wav(path, RATE), pcm(tone())) <= tolerance


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    sf.write(path, np.stack([tone(), np.zeros(len(tone()))], axis=1), RATE, subtype="FLOAT")
    assert difference(read_wav(path, RATE), pcm(tone() / 2)) <= 1


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "in.wav"
    sf.write(path, tone(rate, seconds=0.2), rate, subtype="PCM_24")
    middle = slice(3_000, -3_000)  # bytes: the tone's sudden ends ring
    assert difference(read_wav(path, RATE)[middle], pcm(tone(seconds=0.2))[middle]) <= 2


def test_float_out_of_range_is_clipped_and_no_number_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    sf.write(path, np.array([2.0, -2.0, np.nan, 0.25]), RATE, subtype="FLOAT")
    assert np.frombuffer(read_wav(path, RATE), "<i2").tolist() == [32_767, -32_768, 0, 8_192]


def test_extensible_header_and_rf64(tmp_path: Path) -> None:
    for name in ("WAVEX", "RF64"):
        path = tmp_path / name
        sf.write(path, tone(), RATE, subtype="PCM_16", format=name)
        assert difference(read_wav(path, RATE), pcm(tone())) <= 1


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_that_came_out_of_a_pipe_has_no_length_in_its_header(plain: Path, claimed: int) -> None:
    data = bytearray(plain.read_bytes())
    data[4:8] = data[40:44] = claimed.to_bytes(4, "little")
    plain.write_bytes(data)
    assert read_wav(plain, RATE) == pcm(tone())
    assert len(read_wav(plain, RATE // 2)) == len(pcm(tone())) // 2


def test_plain_files_need_no_numpy(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "numpy", "soundfile")
    assert read_wav(plain, RATE) == pcm(tone())


@pytest.mark.parametrize("package", ["numpy", "soundfile"])
def test_other_files_without_the_extra_name_the_command(
    plain: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    without(monkeypatch, package)
    with pytest.raises(AudioError, match=re.escape("pip install 'voicegraph[audio]'")):
        read_wav(plain, 8_000)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Makes imports of these packages fail."""
    real = builtins.__import__

    def refuse(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name in packages:
            raise ImportError(name)
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for package in packages:
        monkeypatch.setitem(__import__("sys").modules, package, None)


# --- what cannot be read ---------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, plain: Path) -> None:
    whole = plain.read_bytes()
    for name, content, says in (
        ("empty.wav", b"", r"is empty \(0 bytes\)"),
        ("text.wav", b"hello, this is no sound", "is not a WAV file: convert it first"),
        ("short.wav", whole[: len(whole) // 2], "is cut short: .* Copy it again"),
        ("header.wav", whole[:20], "is cut short"),
        ("silent.wav", b"RIFF" + (36).to_bytes(4, "little") + whole[8:40] + bytes(4), "holds no sound"),
        ("riff.wav", b"RIFF\x04\0\0\0WAVE", "cannot read .* as a WAV file"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(AudioError, match=says) as caught:
            read_wav(path, RATE)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_directory_a_pipe_and_nothing_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in ((tmp_path, "is a directory"), (tmp_path / "pipe", "is a pipe"), (tmp_path / "x", "no file")):
        for reading in (lambda path=path: read_wav(path, RATE), lambda path=path: check_readable(path)):
            with pytest.raises(AudioError, match=says):
                reading()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_told(plain: Path) -> None:
    plain.chmod(0)
    with pytest.raises(AudioError, match="Permission denied"):
        read_wav(plain, RATE)


def test_check_readable_finds_what_a_header_can_tell(tmp_path: Path, plain: Path) -> None:
    check_readable(plain)
    plain.write_bytes(plain.read_bytes()[:-100])
    with pytest.raises(AudioError, match="cut short"):
        check_readable(plain)


HEADER = b"RIFF\x64\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x40\0\0\0" + bytes(
    range(64)
)


@given(st.lists(st.tuples(st.integers(0, 47), st.integers(0, 255)), max_size=4), st.integers(0, len(HEADER)))
@example([(22, 0)], len(HEADER))
@example([(24, 0), (25, 0)], len(HEADER))
def test_no_damage_to_a_header_gives_a_traceback(damage: list[tuple[int, int]], length: int) -> None:
    data = bytearray(HEADER)
    for place, value in damage:
        data[place] = value
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(data[:length])
        file.flush()
        try:
            assert len(read_wav(file.name, RATE)) % 2 == 0
        except AudioError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_a_relative_path_is_told_with_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AudioError, match=re.escape(f"no file none.wav in {tmp_path}: give")):
        read_wav("none.wav", RATE)


# --- writing ---------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_text("something older")
    check_writable(path)
    assert path.read_text() == "something older"
    write_wav(path, pcm(tone()), RATE)
    assert sf.info(path).subtype == "PCM_16"
    assert (sf.info(path).samplerate, sf.info(path).channels) == (RATE, 1)
    assert read_wav(path, RATE) == pcm(tone())
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_target_as_it_was(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plain.read_bytes()

    def disk_full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(AudioError, match="No space left on device"):
        write_wav(plain, b"\0\0", RATE)
    assert plain.read_bytes() == before
    assert list(plain.parent.iterdir()) == [plain]


def test_an_unwritable_target_is_told_beforehand(tmp_path: Path) -> None:
    for target, says in (
        (tmp_path, "is a directory: name a file in it"),
        (tmp_path / "no" / "out.wav", "there is no directory"),
        (tmp_path / ("x" * 300), "cannot write"),
        (Path("/proc/out.wav"), "cannot write"),
    ):
        with pytest.raises(AudioError, match=says):
            check_writable(target)


def test_a_device_is_written_to_and_not_replaced() -> None:
    check_writable("/dev/null")
    write_wav("/dev/null", b"\0\0", RATE)
    assert Path("/dev/null").is_char_device()
