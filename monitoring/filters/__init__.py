"""How lists of monitoring are narrowed: the same parameters in a page's URL and in the API."""
