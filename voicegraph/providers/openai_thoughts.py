"""What a model thinks aloud, which no caller is to hear."""

from __future__ import annotations


class Thoughts:
    """Leaves out what a model thinks before it answers, where the service leaves that in its words.

    vLLM and others do so, unless they are told how the model marks it: `<think>...</think>`, at the beginning.
    """

    BEGIN, END = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._thinking = self._over = False

    def leave_out(self, text: str) -> str:
        """The part of the next piece, and of what was held back, that is no thought."""
        if self._over:
            return text
        self._held += text
        if not self._thinking:
            begin = self._held.lstrip()
            if not begin.startswith(self.BEGIN):
                if self.BEGIN.startswith(begin):
                    return ""  # it may become one
                self._over = True
                return self._held
            self._thinking = True
        _, end, words = self._held.partition(self.END)
        self._over = bool(end)
        if not end:
            self._held = self._held[-len(self.END) :]
        return words.lstrip()
