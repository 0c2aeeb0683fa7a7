"""Spark for jobs and SQL: a Sail server as a child process, and sessions in which the workspace's tables have names."""

import os

# Read when gRPC is imported. Its handlers of fork are for children that go on using it; the sandbox's exec at once.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
