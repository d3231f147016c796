"""Documents: versioned values with names, in collections."""
