"""What a run has to meet before it is applied: rules, a second person, and no freeze.

``rules`` are pure functions over ``facts``; ``evaluating`` keeps what they say; ``approval`` and ``freezing`` answer
for stages, pages and API alike whether a run may go on, and who may say so.
"""
