"""Runs: executions of agents, and statistics of them."""
