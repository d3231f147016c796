"""Conversions: `read_*` from protobuf to domain values, `write_*` from domain values to protobuf."""
