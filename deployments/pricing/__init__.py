"""What an endpoint will cost for a month, before it is changed: the same figures for pages, API and the Cost stage.

``estimating`` is arithmetic over a price table; ``quoting`` compares with what is live now.
"""
