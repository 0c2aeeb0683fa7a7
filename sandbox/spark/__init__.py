"""Spark for jobs and SQL: a Sail server as a child process, and sessions that know the workspace's tables by name."""

import os

# gRPC reads this on import. Its fork handlers are for children that use gRPC; the sandbox's children exec at once.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
