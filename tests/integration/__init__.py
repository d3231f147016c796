"""Real servers in processes of their own, reached through the public client."""
