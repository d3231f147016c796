"""The janitor: what has expired is deleted, a batch at a time, by one server of all."""
