"""Access control lists of workspace objects: who may do what with an endpoint, a model or a job."""
