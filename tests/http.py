"""HTTP to the servers that tests start. None speaks TLS, and httpx reads all certificates of the machine for each
client and for each ``httpx.get``: 50 ms of a core, unless it is told not to."""

from __future__ import annotations

from functools import partial

import httpx

Client = partial(httpx.Client, verify=False)
request = partial(httpx.request, verify=False)
get = partial(httpx.get, verify=False)
post = partial(httpx.post, verify=False)
put = partial(httpx.put, verify=False)
delete = partial(httpx.delete, verify=False)
