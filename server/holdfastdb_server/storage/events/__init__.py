"""Events in SQL, and tails of them."""
