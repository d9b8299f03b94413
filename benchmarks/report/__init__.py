"""The tables and plots of benchmarks/README.md, made from results/*.json: `python -m benchmarks.report`."""
