"""The whole vocabulary of a voice graph: what flows down it, and what steers it.

Three families, told apart by `Frame.side`:

* **caller** frames carry what the caller does: audio, speech, words, keys. They belong to the call.
* **reply** frames carry one answer of the agent. They belong to a *turn*, and an interrupt makes them void.
* **control** frames are moved by the engine, not by wires.

Every frame carries a header that the engine stamps when a node first gives the frame, and that nodes only read:
`turn` and `born`. A frame is given once; to say the same thing twice, make a second frame.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

Side = Literal["caller", "reply", "control"]

UNSTAMPED = -1.0
"""`Frame.born` of a frame that no node has given yet."""


class Frame(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """What every frame has: the header.

    turn: number of the reply this frame belongs to, from 1; 0 for caller frames.
    born: loop time in seconds at which the thing that caused this frame entered the graph.
    interruptible: False for what must be said to its end (a legal notice, a goodbye). Frames made from it inherit that.
    """

    side: ClassVar[Side]

    turn: int = 0
    born: float = UNSTAMPED
    interruptible: bool = True


class CallerFrame(Frame, frozen=True, gc=False):
    """Base of frames that belong to the call."""

    side: ClassVar[Side] = "caller"


class ReplyFrame(Frame, frozen=True, gc=False):
    """Base of frames that belong to one turn."""

    side: ClassVar[Side] = "reply"


class ControlFrame(Frame, frozen=True, gc=False):
    """Base of frames that the engine moves."""

    side: ClassVar[Side] = "control"


# --- from the caller ------------------------------------------------------------------------------------------------


class Audio(CallerFrame, frozen=True, gc=False):
    """Sound from the caller: signed 16-bit little-endian mono PCM.

    rate: samples per second. at: position of the first sample, in seconds since the call's audio began.
    """

    pcm: bytes
    rate: int = 16_000
    at: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (2 * self.rate)


class SpeechStarted(CallerFrame, frozen=True, gc=False):
    """The caller began to speak.

    at: position in the call's audio, in seconds, of the first voiced sample. noticed: position of the audio in which
    that was noticed, so `noticed - at` seconds of speech have passed already; 0 if that is not known.
    """

    at: float
    noticed: float = 0.0


class SpeechStopped(CallerFrame, frozen=True, gc=False):
    """The caller paused.

    at: position in the call's audio, in seconds, just after the last voiced sample. noticed: position of the audio in
    which that was noticed, so `noticed - at` seconds of silence have passed already; 0 if that is not known.
    """

    at: float
    noticed: float = 0.0


class Transcript(CallerFrame, frozen=True, gc=False):
    """What the caller said, as recognised so far.

    final: no longer a guess at unfinished speech. start, end: seconds in the call's audio. A later transcript with the
    same `start` replaces an earlier one, even a final one (the caller went on after a pause). Without a `start`, a
    final transcript follows the one before.
    """

    text: str
    final: bool = True
    start: float | None = None
    end: float = 0.0
    confidence: float | None = None
    language: str | None = None


class EndOfTurn(CallerFrame, frozen=True, gc=False):
    """Whether the caller is done, as somebody judges who listens for it: a model at each pause, or the STT.

    at: position in the call's audio, in seconds, of the end of the speech that is judged. probability: 0 to 1.
    """

    at: float
    probability: float = 1.0


class Dtmf(CallerFrame, frozen=True, gc=False):
    """A key of the caller's phone: one of 0-9, *, #, A-D."""

    digit: str


# --- the agent's reply ----------------------------------------------------------------------------------------------


class Message(msgspec.Struct, frozen=True, gc=False):
    """One entry of a conversation's history."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class UserTurn(ReplyFrame, frozen=True, gc=False):
    """The caller's turn is over (or, while `speculative`, seems to be): answer it. Giving one opens a new turn.

    text: what the caller said in this turn. messages: the conversation up to and including it, oldest first; what the
    agent said is in it only as far as it was heard.
    speculative: answer it, but the line holds the audio until a `Commit`.
    """

    text: str
    messages: tuple[Message, ...] = ()
    speculative: bool = False


class Token(ReplyFrame, frozen=True, gc=False):
    """A piece of the reply's text as a language model gives it, with its own spaces."""

    text: str


class Sentence(ReplyFrame, frozen=True, gc=False):
    """A piece of text worth speaking in one breath: a sentence, or the first clause of one.

    cache: it will be said again, in other calls too: its sound is kept and replayed.
    """

    text: str
    cache: bool = False


class TTSAudio(ReplyFrame, frozen=True, gc=False):
    """The agent's voice: signed 16-bit little-endian mono PCM at `rate` samples per second.

    text: the words whose sound begins in this chunk and goes on in the next ones, up to the next chunk with text. The
    heard ledger tells from it which words the caller has heard.
    """

    pcm: bytes
    rate: int = 16_000
    text: str = ""

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (2 * self.rate)


class ToolCall(ReplyFrame, frozen=True, gc=False):
    """A language model asks for a function. arguments: a JSON object, as the model wrote it."""

    id: str
    name: str
    arguments: str


class ToolResult(ReplyFrame, frozen=True, gc=False):
    """What a function gave for the `ToolCall` of the same id."""

    id: str
    content: str
    failed: bool = False


# --- control --------------------------------------------------------------------------------------------------------


class Commit(ControlFrame, frozen=True, gc=False):
    """The caller's turn is truly over: audio held for a speculative `UserTurn` may be heard."""


class Interrupt(ControlFrame, frozen=True, gc=False):
    """Give up every reply in progress. Whoever decides that gives one; the engine carries it out, line first."""

    reason: str = ""


class Pause(ControlFrame, frozen=True, gc=False):
    """Fall silent at once, and lose nothing: somebody speaks, and whether that is an interruption is not yet known.

    What must be said to its end is not paused.
    """


class Resume(ControlFrame, frozen=True, gc=False):
    """It was none: speak on where a `Pause` stopped. An `Interrupt` ends a pause too."""


class ReplyEnd(ControlFrame, frozen=True, gc=False):
    """Nothing more comes for this turn. The engine sends it down behind the reply's last frame."""


class End(ControlFrame, frozen=True, gc=False):
    """Nothing more comes in this call. The engine sends it down when the line's source ends."""


class Error(ControlFrame, frozen=True, gc=False):
    """A node failed. message: for people, without the caller's words. fatal: the call cannot go on."""

    node: str
    message: str
    fatal: bool = False


class Recovery(ControlFrame, frozen=True, gc=False):
    """One step of what the engine does about a failure, for whoever watches the call.

    node: that failed. step: `retry` it, `fallback` on or `hedge` with another node, go `back` to the first, `restart`
    what listens for the whole call, `say` something meanwhile, `then` do what is left to do, `give_up` this turn; or an
    `incident`: the caller hears nothing though a reply is due, for no known failure. `recovered` closes it, when the
    caller hears the reply after all. to: the node, the words or the tool. why: for people, without the caller's words.
    silence: of `incident` and `recovered`: for how many seconds the caller heard nothing.
    """

    node: str
    step: Literal["retry", "fallback", "hedge", "back", "restart", "say", "then", "give_up", "incident", "recovered"]
    to: str = ""
    why: str = ""
    silence: float = 0.0


FRAME_TYPES: dict[str, type[Frame]] = {
    frame_type.__name__: frame_type
    for family in (CallerFrame, ReplyFrame, ControlFrame)
    for frame_type in family.__subclasses__()
}
"""Every type a wire can carry or the engine moves, by name, in the order of this file."""
