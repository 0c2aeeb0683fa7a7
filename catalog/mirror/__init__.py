"""The mirror of a workspace's model registry. Network calls stay outside database transactions."""
