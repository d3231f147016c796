"""The janitor: what has expired is deleted, a batch of rows at a time, by one server of all."""
