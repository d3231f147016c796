"""Approvals in SQL, and the waits for their decisions."""
