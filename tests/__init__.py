"""The tests of Holdfast; CONTRIBUTING says which kind goes where."""

import os

# Before gRPC is loaded: PostgreSQL is started by a fork, and gRPC's handlers for one crash the child when
# they meet calls under way.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
