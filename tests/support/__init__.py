"""What the tests share: databases, stores, server processes and waiting."""
