"""Running the tasks of a run: order, processes, outcome."""
