"""The bars of the design, measured: `python -m benchmarks` prints them as a table."""
