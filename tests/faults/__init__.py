"""Faults: crashes, replicas, poolers, drains."""
