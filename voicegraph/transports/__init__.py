"""Lines: where calls come from, and where replies are heard. Importing this registers all that are shipped."""

from voicegraph.transports import browser as browser
from voicegraph.transports import file as file
from voicegraph.transports import local as local
from voicegraph.transports import pipecat_call as pipecat_call
from voicegraph.transports import pipecat_pipeline as pipecat_pipeline
from voicegraph.transports import plivo as plivo
from voicegraph.transports import telnyx as telnyx
from voicegraph.transports import twilio as twilio
