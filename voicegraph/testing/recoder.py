"""Brings simulated speech to another sample rate, where it is the same speech."""

from __future__ import annotations

from voicegraph.testing.blocks import MAGIC, Unit, block_size, may_begin_unit, read_unit


class Recoder:
    """Simulated speech is recoded block by block, anything else roughly.

    Pieces of any size come in; what may still become a block, less than 20 ms, waits for the next.
    source, target: samples per second.
    """

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self._from, self._to = block_size(source), block_size(target)
        self._held = b""
        self._came = self._went = 0  # samples

    def feed(self, pcm: bytes) -> bytes:
        """What of the sound can be given now."""
        return self._recode(self._held + pcm, last=False)

    def flush(self) -> bytes:
        """The rest."""
        return self._recode(self._held, last=True)

    def _recode(self, pcm: bytes, *, last: bool) -> bytes:
        made: list[bytes] = []
        done = search = 0
        while (begin := pcm.find(MAGIC, search)) >= 0:
            head = pcm[begin : begin + self._from]
            unit = read_unit(head)
            if unit and head == unit.block(self._from):
                made += self._roughly(pcm[done:begin]), self._exactly(unit)
                done = search = begin + self._from
            elif not last and self._may_become_whole(head, unit):
                break
            else:
                search = begin + 1
        if begin < 0:
            half = not last and pcm.endswith(MAGIC[:2]) and len(pcm) > done
            begin = len(pcm) - (2 if half else 0)
        self._held = pcm[begin:]
        made.append(self._roughly(pcm[done:begin]))
        return b"".join(made)

    def _may_become_whole(self, head: bytes, unit: Unit | None) -> bool:
        if len(head) == self._from:
            return False
        return unit.block(self._from).startswith(head) if unit else may_begin_unit(head)

    def _exactly(self, unit: Unit) -> bytes:
        self._came += self._from // 2
        self._went += self._to // 2
        return unit.block(self._to)

    def _roughly(self, pcm: bytes) -> bytes:
        """The nearest sample each: nobody listens to it."""
        samples = len(pcm) // 2
        self._came += samples
        wanted = max(0, self._came * self.target // self.source - self._went) if samples else 0
        self._went += wanted
        if not any(pcm):
            return bytes(2 * wanted)
        return b"".join(pcm[2 * at : 2 * at + 2] for at in (n * samples // wanted for n in range(wanted)))
