"""What is kept, as people and scripts read it."""
