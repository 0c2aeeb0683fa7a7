"""Has somebody changed an endpoint by hand? What it is like against what the last good run left."""
