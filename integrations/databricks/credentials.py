"""Credentials of the portal for a workspace. They are read from environment variables and never stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.errors import IntegrationError

OAUTH_M2M = "oauth-m2m"
PAT = "pat"


@dataclass(frozen=True)
class Credentials:
    """A service principal (OAuth M2M) or else a personal access token. The repr does not contain secrets."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.token and not (self.client_id and self.client_secret):
            raise IntegrationError(
                "Databricks credentials need a client id with its secret, or a token.",
                permanent=True,
                source="databricks",
                code="NO_CREDENTIALS",
            )

    @classmethod
    def from_environment(cls, prefix: str, environ: Mapping[str, str] | None = None) -> Credentials:
        """Read ``<prefix>_CLIENT_ID`` and ``<prefix>_CLIENT_SECRET``, or else ``<prefix>_TOKEN``.

        Raises IntegrationError (permanent, code NO_CREDENTIALS) with the names of the missing variables.
        """
        values = os.environ if environ is None else environ
        client_id, secret, token = (
            values.get(f"{prefix}_{name}", "").strip() for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN")
        )
        if client_id and secret:
            return cls(client_id=client_id, client_secret=secret)
        if token:
            return cls(token=token)
        raise IntegrationError(
            f"Set {prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET, or {prefix}_TOKEN.",
            permanent=True,
            source="databricks",
            code="NO_CREDENTIALS",
        )

    @property
    def auth_type(self) -> str:
        """The value of ``auth_type`` for the SDK and the Terraform provider."""
        return OAUTH_M2M if self.client_id and self.client_secret else PAT

    def sdk_arguments(self) -> dict[str, str]:
        """Arguments of the SDK's Config. The explicit auth_type makes it ignore other credentials it finds."""
        if self.auth_type == OAUTH_M2M:
            return {
                "auth_type": OAUTH_M2M,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            }
        return {"auth_type": PAT, "token": self.token}

    def terraform_environment(self, host: str) -> dict[str, str]:
        """Environment variables with which the Databricks provider logs in to ``host``."""
        environment = {"DATABRICKS_HOST": host, "DATABRICKS_AUTH_TYPE": self.auth_type}
        if self.auth_type == OAUTH_M2M:
            environment["DATABRICKS_CLIENT_ID"] = self.client_id
            environment["DATABRICKS_CLIENT_SECRET"] = self.client_secret
        else:
            environment["DATABRICKS_TOKEN"] = self.token
        return environment
