"""What the pages of deployments show, worked out of rows."""
