"""A stand-in for the databricks/databricks Terraform provider (~> 1.99), spoken over plugin protocol 6."""

VERSION = "1.99.0"
