"""A Terraform that speaks to the state backend, for tests."""

from __future__ import annotations

import base64
import hashlib
import json

from django.test import Client

from deployments.tfstate import store as statestore

LOCK = {"ID": "b7e3b0de-6d5f-4a3c-9d36-1f6e7ac3f8d9", "Operation": "OperationTypeApply", "Who": "worker@host"}


class Backend:
    """Terraform's http backend: the same requests, the same headers."""

    def __init__(self, run, password=None):
        self.client = Client()
        self.url = f"/terraform/state/{run.deployment_id}"
        password = password or statestore.issue_credential(run)
        self.headers = basic(password.username, password.value)

    def read(self):
        return self.client.get(self.url, headers=self.headers)

    def lock(self, info=LOCK):
        return self.client.post(f"{self.url}/lock", info, content_type="application/json", headers=self.headers)

    def unlock(self, info=LOCK):
        return self.client.delete(f"{self.url}/lock", info, content_type="application/json", headers=self.headers)

    def write(self, state, lock_id=LOCK["ID"], **headers):
        body = state if isinstance(state, bytes) else json.dumps(state).encode()
        headers = {"Content-MD5": md5(body), **self.headers, **headers}
        url = f"{self.url}?ID={lock_id}"
        return self.client.post(url, body, content_type="application/json", headers=headers)


def basic(username, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def md5(body):
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
