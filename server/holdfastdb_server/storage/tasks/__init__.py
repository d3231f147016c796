"""Tasks in SQL, and the claims on them."""
