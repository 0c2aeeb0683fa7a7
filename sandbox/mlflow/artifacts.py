"""Where MLflow's artifacts are stored, and the URIs that different clients use for the same place.

| here                  | plain MLflow client               | client with tracking URI `databricks`                   | Files API |
|-----------------------|-----------------------------------|---------------------------------------------------------|-----------|
| E/R/artifacts/...     | mlflow-artifacts:/E/R/...         | dbfs:/databricks/mlflow-tracking/E/R/...                | /WorkspaceInternal/Mlflow/Artifacts/E/Runs/R/... |
| E/models/M/...        | mlflow-artifacts:/E/models/M/...  | dbfs:/databricks/mlflow-tracking/E/logged_models/M/...  | /WorkspaceInternal/Mlflow/Artifacts/E/LoggedModels/M/... |
| unity-catalog/ID/...  | mlflow-artifacts:/unity-catalog/ID| -                                                       | /Models/catalog/schema/model/version/... |

(E is an experiment id, R a run id, M a logged model id.) The tracking server rejects mlflow-artifacts: as the source
of a version unless a run or logged model owns it, so it gets ``dbfs:/unity-catalog/ID`` for the third kind.
"""  # noqa: E501 - the table is read as one

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

from sandbox.disk import inside
from sandbox.web.errors import ApiError

UC_FOLDER = "unity-catalog"
UC_SOURCE = f"dbfs:/{UC_FOLDER}/"
_PLAIN = re.compile(r"mlflow-artifacts:/(?P<experiment>\d+)(?P<models>/models(?=/))?")
_WORKSPACE = re.compile(r"dbfs:/databricks/mlflow-tracking/(?P<experiment>\d+)(?P<models>/logged_models(?=/))?")
_INTERNAL = re.compile(
    r"/WorkspaceInternal/Mlflow/Artifacts/(?P<experiment>\d+)/(?P<kind>Runs|LoggedModels)/(?P<rest>.+)"
)


def for_workspace_client(text: str) -> str:
    """Translates the URIs in ``text`` for a client with the tracking URI ``databricks``."""
    root = "dbfs:/databricks/mlflow-tracking"
    return _PLAIN.sub(lambda found: f"{root}/{found['experiment']}{'/logged_models' if found['models'] else ''}", text)


def for_plain_client(text: str) -> str:
    return text.replace(UC_SOURCE, f"mlflow-artifacts:/{UC_FOLDER}/")


def for_server(text: str) -> str:
    """Translates the URIs in ``text``, from any client, for the tracking server."""
    plain = _WORKSPACE.sub(
        lambda found: f"mlflow-artifacts:/{found['experiment']}{'/models' if found['models'] else ''}", text
    )
    return plain.replace(f"mlflow-artifacts:/{UC_FOLDER}/", UC_SOURCE)


def local_path(root: Path, uri: str) -> Path:
    """The path below ``root``, the tracking server's artifacts. Raises ApiError 400 if the URI points elsewhere."""
    parsed = urlparse(uri)
    in_uc = uri.startswith(UC_SOURCE)
    if parsed.netloc or not (in_uc or parsed.scheme == "mlflow-artifacts"):
        raise ApiError(400, "INVALID_STATE", f"The artifacts at {uri} are outside this workspace.")
    return inside(root, unquote(parsed.path))


def internal_path(root: Path, path: str) -> Path | None:
    """The local path for a Files API path of run or logged model artifacts; None for any other path."""
    match = _INTERNAL.fullmatch(path)
    if match is None:
        return None
    folder = "models/" if match["kind"] == "LoggedModels" else ""
    return inside(root, f"{match['experiment']}/{folder}{match['rest']}")
