"""The gRPC services: protobuf in, domain call, protobuf out."""
