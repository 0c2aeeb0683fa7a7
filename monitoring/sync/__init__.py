"""Reading the workspace: metrics, inference tables and billing, one deployment or workspace at a time."""
