"""The gRPC services: they convert a request, call the storage port, and convert its result."""
