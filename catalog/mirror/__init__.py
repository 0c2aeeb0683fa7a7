"""The mirror of a workspace's registry. No network call ever stands inside a database transaction."""
