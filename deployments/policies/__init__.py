"""What a run must meet before it is applied: policies, approvals and freezes.

``rules`` are pure functions over ``facts``, and ``evaluating`` stores their results. ``approvals`` and ``freezes``
decide whether a run may continue and who may decide on it. Stages, pages and the API share them.
"""
