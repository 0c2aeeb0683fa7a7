"""Secret scopes: encrypted values and their access control lists."""
