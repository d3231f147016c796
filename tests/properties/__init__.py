"""Properties that hold whatever is done."""
