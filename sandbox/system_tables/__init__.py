"""The catalog `system`: what the workspace tells about itself, in the documented columns."""
