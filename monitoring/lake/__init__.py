"""The data lake: long-term copies of the portal's data as Delta tables."""
