"""What serving endpoints ask the rest of the workspace for: the registry, grants, secrets, permissions."""
