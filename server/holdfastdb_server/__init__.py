"""The Holdfast server: durable memory for AI agents behind one gRPC contract."""
