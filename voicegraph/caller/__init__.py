"""A simulated carrier and its caller: calls an agent by Twilio's protocol, with neither Twilio nor a telephone.

    twilio.py     what Twilio sends, and how it signs        reading.py   what it takes, and what it complains about
    playout.py    the clock by which the agent is heard       mouth.py     the caller's side, 20 ms at a time
    leg.py        one call, without sockets and clocks        phone.py     the same over a connection, in time
    network.py    jitter, stalls, loss                        dialling.py  webhook, TwiML, handshake
    steps.py      what the caller does next                   script.py    the same from a file
    result.py     what came of a call, in figures             load.py      many of them

Written from Twilio's documentation and from nothing of `voicegraph.transports`, so that each checks the other.
"""
