"""Tasks: work to do, leased to one worker at a time."""
