"""Configuration changes: comparing live endpoints with what the last successful run left."""
