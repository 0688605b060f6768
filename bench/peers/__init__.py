"""Holdgate beside other queues, in one run: see docs/explanation/performance.md. `python -m bench.peers --help`."""
