"""`python runner.py ...` in a checkout is `voicegraph ...`."""

from voicegraph.runner import main

if __name__ == "__main__":
    main()
