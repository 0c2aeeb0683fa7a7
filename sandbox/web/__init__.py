"""HTTP as a Databricks workspace speaks it: errors, bodies, pages of a list. Imports nothing of the sandbox."""
