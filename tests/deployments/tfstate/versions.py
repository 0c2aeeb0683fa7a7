"""State versions for tests."""

from __future__ import annotations

import hashlib
import json

from deployments.models import StateVersion
from web.crypto import encrypt

CANARY = "canary-of-a-variable"


def write(deployment, serial, size="Small", value=CANARY, run=None):
    """A version of the state, as a run would have written it."""
    attributes = {
        "name": "card-fraud",
        "config": [{"served_entities": [{"workload_size": size, "environment_vars": {"MODE": value}}]}],
    }
    resource = {"mode": "managed", "type": "databricks_model_serving", "name": "this"}
    body = json.dumps(
        {
            "version": 4,
            "serial": serial,
            "lineage": "l",
            "resources": [{**resource, "instances": [{"attributes": attributes}]}],
        }
    ).encode()
    return StateVersion.objects.create(
        deployment=deployment,
        run=run,
        fencing=1,
        serial=serial,
        lineage="l",
        sha256=hashlib.sha256(body).hexdigest(),
        size_bytes=len(body),
        ciphertext=encrypt(body),
    )
