"""Jobs API 2.2: one process per task, with the states, ordering and errors of the documented API."""
