"""The nodes that are shipped, one type a file. Importing this registers them all."""

from voicegraph.processors import aggregator as aggregator
from voicegraph.processors import echo as echo
from voicegraph.processors import llama as llama
from voicegraph.processors import piper as piper
from voicegraph.processors import resample as resample
from voicegraph.processors import rules as rules
from voicegraph.processors import script as script
from voicegraph.processors import sentences as sentences
from voicegraph.processors import silero as silero
from voicegraph.processors import smart_turn as smart_turn
from voicegraph.processors import tone as tone
from voicegraph.processors import whisper as whisper
