"""Documents: named, versioned values in collections."""
