"""`python -m voicegraph`."""

from voicegraph.runner import main

main()
