"""Stored data as text for people and JSON for scripts."""
