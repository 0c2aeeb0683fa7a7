"""``/api/2.0/serving-endpoints`` and invocations: routes, bodies, validation and views."""
