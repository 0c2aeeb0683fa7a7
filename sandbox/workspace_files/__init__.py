"""The workspace file tree: directories, files and notebooks."""
