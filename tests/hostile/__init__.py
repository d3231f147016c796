"""Input that no client of ours would send."""
