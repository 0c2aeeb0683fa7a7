"""Tags with which templates of other apps show deployments."""
