"""What agent frameworks call: the state of sessions, and to-do lists."""
