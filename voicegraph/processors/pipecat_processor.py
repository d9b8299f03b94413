"""Hosts a service of pipecat: speech to text, a language model, or a voice. https://docs.pipecat.ai"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Self

from voicegraph.call import Call, Reply, this_call
from voicegraph.frames import (
    Audio,
    EndOfTurn,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.pipecat_hosting import Hosting, narrow
from voicegraph.tools import Tools
from voicegraph.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from pipecat.processors.frame_processor import FrameProcessor


@node("pipecat.processor", extra="pipecat", packages=("pipecat",), narrow=narrow)
class PipecatProcessor(Hosting):
    """Hosts a service of pipecat in a pipeline of its own. What the node takes and gives follows from the service.

    service: such as `cartesia.tts`, `deepgram.flux.stt` or `anthropic.llm`: the folder of pipecat's services, what
    tells it apart, and its kind; or one that an imported module registered (voicegraph.pipecat_services). settings: of
    the service, by pipecat's names, those of its `Settings` and those of its constructor; a key or an address that is
    not among them is the environment's, such as CARTESIA_API_KEY and CARTESIA_BASE_URL. before: registered processors
    that stand before the service, by their names or as `{service, settings}`. after: those behind it. system: how a
    language model is to behave. tools: functions that it may call, such as `[clinic.book, line.hang_up]`.
    """

    system: str = ""
    tools: Tools = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.system or self.tools) and self.kind != "llm":
            raise ValueError(f"`system` and `tools` are for a language model, and `{self.service}` is none")

    def warm(self) -> None:
        self._load()

    async def __aenter__(self) -> Self:
        """Begins to connect. Whether that goes well is the first request's business, and its fallback's."""
        await self.call.offload(self._load)
        self._host = self._host_in(self.call, self._prepare if self.kind == "llm" else None)
        if self.kind == "llm":
            from voicegraph.providers.pipecat_answering import HostedConversation, takes_instructions

            system = "" if takes_instructions(self._target) else self.system
            self._conversation = HostedConversation(self._host, self.service, system)
            self._conversation.tools = Toolbox(self.tools, self.call)
        self._host.open()
        return self

    def _prepare(self, service: FrameProcessor) -> None:
        from voicegraph.providers.pipecat_answering import prepare

        prepare(service, self.system, tools=bool(self.tools))

    async def __aexit__(self, *_: object) -> None:
        await self._host.close()

    def interrupted(self, reply: Reply) -> None:
        if self.kind != "stt":
            self._host.interrupted()

    async def listen(
        self, frames: AsyncIterator[Annotated[Audio | SpeechStarted | SpeechStopped, Rate("rate")]]
    ) -> AsyncIterator[Transcript | SpeechStarted | SpeechStopped | EndOfTurn]:
        from voicegraph.providers.pipecat_hearing import hear

        async with aclosing(hear(self._host, frames)) as given:
            async for frame in given:
                yield frame

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        async with aclosing(self._conversation.answer(turn)) as given:
            async for frame in given:
                yield frame

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        from voicegraph.providers.pipecat_speaking import speak

        async with aclosing(speak(self._host, sentences, self.rate)) as given:
            async for frame in given:
                yield frame
