"""Lines: where calls come from, and where replies are heard. Importing this registers all that are shipped."""

from voicegraph.transports import file as file
from voicegraph.transports import local as local
