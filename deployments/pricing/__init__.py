"""Monthly cost estimates of endpoints. Pages, the API and the Cost stage show the same figures.

``estimating`` is arithmetic over a price table. ``quoting`` compares an estimate with what is live now.
"""
