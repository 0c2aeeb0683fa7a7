"""Everything on one machine: the parts of Slipway, their supervisor, and a demo to look at.

Nothing of the portal's web process or workers imports this.
"""
