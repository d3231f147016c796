"""What the queries of several nouns are made of."""
