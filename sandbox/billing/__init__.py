"""Billing: fills ``system.billing.usage`` and ``system.billing.list_prices`` from the usage of the workspace."""
