"""Tasks: units of work, each leased to one worker at a time."""
