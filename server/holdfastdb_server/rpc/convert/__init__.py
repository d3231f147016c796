"""Between protobuf and the domain, a file a noun."""
