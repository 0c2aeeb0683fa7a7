"""Spark for jobs and SQL: a Sail server as a child process, and sessions in which the workspace's tables have names."""
