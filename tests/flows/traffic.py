"""Applications that ask an endpoint all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.product import Product


@contextmanager
def traffic(product: Product, name: str) -> Iterator[list[int]]:
    """Applications that ask the endpoint all the time; yields the status of every answer."""
    done, statuses = threading.Event(), list[int]()

    def ask(first: int) -> None:
        amount = first
        while not done.wait(0.02):
            amount += 1
            body = {"dataframe_split": {"columns": ["amount"], "data": [[float(amount)]]}}
            statuses.append(product.predict(name, body).status_code)

    threads = [threading.Thread(target=ask, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        done.set()
        for thread in threads:
            thread.join(60)
