"""Which services of pipecat a graph may name, against the package that is installed."""

from __future__ import annotations

import subprocess
import sys
from typing import cast

import pytest
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService

from tests.providers import hostile_pipecat
from voicegraph.errors import NodeDefinitionError
from voicegraph.pipecat_services import service
from voicegraph.providers.pipecat_catalog import HOSTED, find, services

BASES = {"stt": STTService, "llm": LLMService, "tts": TTSService}
INSTALLED = [
    "cartesia.http.tts",
    "cartesia.tts",
    "cerebras.llm",
    "deepgram.flux.stt",
    "deepgram.http.tts",
    "deepgram.stt",
    "deepgram.tts",
    "elevenlabs.http.tts",
    "elevenlabs.realtime.stt",
    "elevenlabs.tts",
    "groq.llm",
    "openai.llm",
    "openai.realtime.stt",
    "openai.responses.llm",
    "openai.tts",
    "perplexity.llm",
    "rime.tts",
]
"""Of those whose SDKs the tests have."""


@pytest.mark.parametrize("name", INSTALLED)
def test_a_name_is_a_class_of_its_kind(name: str) -> None:
    found = find(name)
    assert found is not None
    assert issubclass(cast("type", found.load()), BASES[found.kind])
    assert name.endswith(f".{found.kind}")


def test_most_of_pipecats_services_can_be_hosted() -> None:
    hosted = [each for each in services().values() if each.kind in HOSTED and not each.speech]
    assert len(hosted) > 100
    assert len({each.vendor for each in hosted}) > 45
    assert not [each.attribute for each in hosted if "Base" in each.attribute or "Settings" in each.attribute]


def test_what_speaks_itself_and_what_draws_is_known_and_not_hosted() -> None:
    for name in ("openai.realtime.llm", "google.gemini_live.llm", "azure.realtime.llm", "openai.live.llm"):
        assert (found := find(name)) is not None
        assert found.speech
    assert (image := find("fal.image")) is not None
    assert image.kind == "image"


def test_listing_them_imports_nothing() -> None:
    code = (
        "import sys; from voicegraph.providers import pipecat_catalog as c; s = c.services();"
        "[(e.packages(), e.install(), e.variables()) for e in (s['cartesia.tts'], s['openai.llm'])];"
        "print([m for m in sys.modules if m.partition('.')[0] in ('pipecat', 'openai', 'numpy')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_what_a_service_needs() -> None:
    anthropic, google = find("anthropic.llm"), find("google.tts")
    assert anthropic is not None
    assert google is not None
    assert "anthropic" in anthropic.packages()
    assert anthropic.install() == 'pip install "pipecat-ai[anthropic]"'
    assert anthropic.variables() == ("ANTHROPIC_API_KEY",)
    assert "google.cloud" in google.packages()
    assert google.variables() == ()


def test_ones_own_services_are_found_by_their_names() -> None:
    found = find("hostile.tts")
    assert found is not None
    assert found.load() is hostile_pipecat.HostileVoice


@pytest.mark.parametrize("name", ["acme", "acme.speech", "Acme.tts", "acme..tts", "acme.tts.", "./acme.tts", ".tts"])
def test_a_name_has_to_say_a_vendor_and_a_kind(name: str) -> None:
    with pytest.raises(NodeDefinitionError, match="the kinds are stt, llm, tts, processor"):
        service(name)(hostile_pipecat.HostileVoice)


def test_a_name_is_taken_once() -> None:
    service("hostile.tts")(hostile_pipecat.HostileVoice)  # the same once more, as when a module is run again
    with pytest.raises(NodeDefinitionError, match=r"registered twice: by tests\.providers\.hostile_pipecat"):
        service("hostile.tts")(hostile_pipecat.HostileModel)
