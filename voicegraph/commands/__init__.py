"""The commands of the command line, one file for each or for a small family. `voicegraph.runner` joins them."""
