"""Local servers that speak the vendors' wire protocols, with faults on demand. Needs the extra `emulators`.

server.py      the server: one port for all vendors, on this loop or in a thread of its own
control.py     its own paths: faults over HTTP, and what clients asked for
faults.py      what goes wrong, and when
wire.py        the one seam through which vendors' modules answer; with answers.py and sockets.py it carries them out
exchange.py    one request, and how far its answer is
backend.py     who hears, thinks and speaks behind the protocols: scripted.py, or local.py with models
"""
