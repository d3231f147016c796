"""Runs in SQL, and summaries of many."""
