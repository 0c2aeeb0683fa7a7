"""The mirror of a workspace's registry. No network call ever stands inside a database transaction."""

from catalog.sync.mirror import SyncOutcome, connect, sync_workspace

__all__ = ["SyncOutcome", "connect", "sync_workspace"]
