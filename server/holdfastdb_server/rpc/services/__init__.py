"""The servicers, one a service: convert and call, convert and return."""
