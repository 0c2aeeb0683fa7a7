"""``/api/2.2/jobs``: routes, bodies, validation and views."""
