"""The nodes that are shipped, one type a file. Importing this registers them all."""

from voicegraph.processors import aggregator as aggregator
from voicegraph.processors import deepgram_flux as deepgram_flux
from voicegraph.processors import deepgram_stt as deepgram_stt
from voicegraph.processors import echo as echo
from voicegraph.processors import elevenlabs_http as elevenlabs_http
from voicegraph.processors import elevenlabs_tts as elevenlabs_tts
from voicegraph.processors import llama as llama
from voicegraph.processors import openai_chat as openai_chat
from voicegraph.processors import openai_responses as openai_responses
from voicegraph.processors import openai_stt as openai_stt
from voicegraph.processors import openai_tts as openai_tts
from voicegraph.processors import pipecat_ends as pipecat_ends
from voicegraph.processors import pipecat_processor as pipecat_processor
from voicegraph.processors import piper as piper
from voicegraph.processors import resample as resample
from voicegraph.processors import rules as rules
from voicegraph.processors import script as script
from voicegraph.processors import sentences as sentences
from voicegraph.processors import silero as silero
from voicegraph.processors import smart_turn as smart_turn
from voicegraph.processors import tone as tone
from voicegraph.processors import whisper as whisper
