"""The implementations of the services: each method converts and calls, then converts and returns."""
