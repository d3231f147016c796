"""The nouns of a client, whose methods users call: `client.sessions`, `client.history` and so on."""
