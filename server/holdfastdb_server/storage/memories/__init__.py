"""Memories in SQL."""
