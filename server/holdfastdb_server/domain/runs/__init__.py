"""Runs: one agent's execution, and reports on many."""
