"""Entry point that the launcher in the filesystem mirror runs."""

from __future__ import annotations

from standin_databricks.server import serve

if __name__ == "__main__":
    serve()
