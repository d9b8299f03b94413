"""Graphs inside pipecat pipelines, run by pipecat."""
