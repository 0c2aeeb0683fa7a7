"""What the workspace charges: ``system.billing.usage`` and ``system.billing.list_prices``, filled from what ran."""
