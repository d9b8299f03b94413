"""The phrases of a process: in memory what was said or loaded, and all in a folder that it shares with others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from loguru import logger

from voicegraph.engine.phrases import Piece
from voicegraph.graph.plan import Plan, PlannedNode
from voicegraph.phrases.folder import Folder
from voicegraph.phrases.key import Keys
from voicegraph.phrases.rendering import voices_of

MEMORY = 64_000_000
"""Bytes of sound: 20 minutes at 24 kHz."""
PATIENCE = 0.1
"""Seconds for a look into the folder while a caller waits: the voice itself would have begun soon after."""
LOADING = 5.0
"""The same before the first call."""
REST = 30.0
"""Seconds for which a folder that took longer is left alone."""
FRESH = 1_800.0
"""Seconds for which a phrase that is said from memory need not be marked in the folder as used."""

T = TypeVar("T")


@dataclass
class _Kept:
    """A phrase in memory. size: bytes. marked: loop time at which the folder was last told that it is in use."""

    pieces: tuple[Piece, ...]
    size: int
    marked: float


class PhraseStore:
    """The sound of phrases, by voice (`voicegraph.engine.phrases.Phrases`). One per process, for all its calls.

    folder: None to keep them in memory only. memory: bytes of sound that are kept there, the least recently used go
    first. trouble: why the folder is of no use, once that was found; calls go on with what is in memory.
    """

    def __init__(self, folder: Folder | None, *, memory: int = MEMORY) -> None:
        self.folder = folder
        self.trouble: str | None = None
        self._limit = memory
        self._keys = Keys()
        self._memory: OrderedDict[str, _Kept] = OrderedDict()
        self._size = 0
        self._threads: ThreadPoolExecutor | None = None
        self._rests_until = 0.0

    async def find(self, voice: PlannedNode, text: str) -> Sequence[Piece] | None:
        """See the protocol. A phrase that is in memory is found without a pause."""
        return await self._find(self._keys.of(voice, text), PATIENCE)

    def keep(self, voice: PlannedNode, text: str, pieces: Sequence[Piece]) -> None:
        """See the protocol. Silence is not kept."""
        if any(piece.pcm for piece in pieces):
            key = self._keys.of(voice, text)
            self._remember(key, tuple(pieces))
            self._behind_the_call(lambda folder: folder.write(key, pieces))

    async def load(self, plan: Plan) -> None:
        """Brings a plan's phrases into memory, as far as they have been rendered. Before the first call."""
        for voice in voices_of(plan):
            for text in plan.phrases:
                await self._find(self._keys.of(voice, text), LOADING)

    def close(self) -> None:
        """Waits until all is written. A store that is used again opens again."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    # --- memory ------------------------------------------------------------------------------------------------------

    def _recall(self, key: str) -> tuple[Piece, ...] | None:
        if (kept := self._memory.get(key)) is None:
            return None
        self._memory.move_to_end(key)
        now = _now()
        if not 0 <= now - kept.marked < FRESH:  # a clock that went back is another loop's
            kept.marked = now
            self._behind_the_call(lambda folder: folder.use(key, kept.pieces))
        return kept.pieces

    def _remember(self, key: str, pieces: tuple[Piece, ...]) -> None:
        if (before := self._memory.pop(key, None)) is not None:
            self._size -= before.size
        size = sum(len(piece.pcm) for piece in pieces)
        if size > self._limit:  # it would drive all others out, and go itself
            return
        self._memory[key] = _Kept(pieces, size, _now())
        self._size += size
        while self._size > self._limit:
            self._size -= self._memory.popitem(last=False)[1].size

    # --- the folder, in threads of its own: a disk that hangs must not take those that models compute in -------------

    async def _find(self, key: str, patience: float) -> tuple[Piece, ...] | None:
        if (kept := self._recall(key)) is not None:
            return kept
        if self.folder is None or self._rests():
            return None
        reading = self._offload(self.folder, lambda folder: folder.read(key))
        done, _ = await asyncio.wait([reading], timeout=patience)
        if not done:
            self._rests_until = _now() + REST
            self._warn(self.folder, f"took more than {patience:g} s to read")
            return None
        if (pieces := reading.result()) is not None:
            self._remember(key, pieces)
        return pieces

    def _behind_the_call(self, work: Callable[[Folder], None]) -> None:
        if self.folder is not None and not self._rests():
            self._offload(self.folder, work)

    def _offload(self, folder: Folder, work: Callable[[Folder], T]) -> asyncio.Future[T | None]:
        """Not by `engine.offload`, which has to be awaited; a loop in virtual time knows this way, too."""
        self._threads = self._threads or ThreadPoolExecutor(2, thread_name_prefix="voicegraph-phrases")
        return asyncio.get_running_loop().run_in_executor(self._threads, self._attempt, folder, work)

    def _attempt(self, folder: Folder, work: Callable[[Folder], T]) -> T | None:
        try:
            return work(folder)
        except OSError as error:
            self._warn(folder, error.strerror or type(error).__name__)
        except UnicodeEncodeError:  # half a character, from a language model: not for ever
            pass
        return None

    def _rests(self) -> bool:
        return 0 < self._rests_until - _now() <= REST

    def _warn(self, folder: Folder, why: str) -> None:
        if self.trouble is None:
            self.trouble = f"the folder of phrases {folder.root} cannot be used: {why}"
            logger.warning(
                "{}. Phrases are kept in memory only; name a folder with room that you may write to in "
                "VOICEGRAPH_PHRASES",
                self.trouble,
            )


def _now() -> float:
    return asyncio.get_running_loop().time()
