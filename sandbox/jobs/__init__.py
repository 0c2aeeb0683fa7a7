"""Jobs 2.2: a real process per task, with the states, orders and errors of the documented API."""
