"""Benchmarks: each measures Holdfast and its reference in turn, in one run. Run `make bench`."""
