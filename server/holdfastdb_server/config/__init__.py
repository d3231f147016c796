"""The settings: where they come from, what they mean, and the addresses and URLs in them."""
