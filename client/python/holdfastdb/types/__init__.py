"""What calls take and return: plain frozen dataclasses, a file a noun."""
