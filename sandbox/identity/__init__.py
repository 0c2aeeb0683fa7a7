"""Users, service principals, groups and tokens: who sends a request."""
