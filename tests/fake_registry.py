"""The registry side of a Databricks workspace on a loopback port, for faults that a working one does not have.

Routes as databricks-sdk 0.156 calls them: Unity Catalog models and versions, Files API, MLflow runs and tags,
serving endpoints and invocations.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "dapi-registry-token"
CLIENT_ID = "7c0c1d7e-0000-4000-8000-00000000c0de"
CLIENT_SECRET = "registry-client-secret"
MODELS = "/api/2.1/unity-catalog/models"
GRANTS = "/api/2.1/unity-catalog/effective-permissions/function/"
ENDPOINTS = "/api/2.0/serving-endpoints"
COLUMNS = '[{"name": "amount", "type": "double", "required": true}]'
MLMODEL = f"""
flavors:
  python_function: {{loader_module: mlflow.sklearn}}
  sklearn: {{pickled_model: model.pkl}}
run_id: run-1
model_size_bytes: 2048
signature:
  inputs: '{COLUMNS}'
  outputs: '[{{"type": "long", "required": true}}]'
  params: null
saved_input_example_info:
  artifact_path: input_example.json
  type: dataframe
  pandas_orient: split
"""


EXAMPLE = b'{"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}'


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, message: str = "no") -> Answer:
    return Answer(status, {"error_code": code, "message": message})


@dataclass
class FakeRegistry:
    """``fault(method, path)`` answers instead where it returns something. ``calls`` counts requests by path."""

    url: str = ""
    page_size: int = 1000
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    aliases: dict[str, dict[str, int]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    grants: list[dict[str, Any]] = field(default_factory=list)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    invocation: Callable[[Any], Answer] = lambda body: Answer(200, {"predictions": [1]})
    fault: Callable[[str, str], Answer | None] = lambda method, path: None
    calls: Counter[str] = field(default_factory=Counter)
    user_agents: set[str] = field(default_factory=set)

    def add_model(self, full_name: str, *, versions: int = 1, updated_at: int = 1_790_000_000_000) -> None:
        catalog, schema, name = full_name.split(".")
        self.models[full_name] = {
            "full_name": full_name,
            "catalog_name": catalog,
            "schema_name": schema,
            "name": name,
            "owner": "ana@example.com",
            "created_at": updated_at,
            "updated_at": updated_at,
        }
        for number in range(1, versions + 1):
            self.add_version(full_name, number)

    def add_version(self, full_name: str, number: int, *, status: str = "READY") -> None:
        self.versions.setdefault(full_name, {})[number] = {
            "version": number,
            "status": status,
            "run_id": "run-1",
            "created_at": 1_790_000_000_000 + number,
            "updated_at": 1_790_000_000_000 + number,
        }
        directory = f"/Models/{full_name.replace('.', '/')}/{number}"
        self.files[f"{directory}/MLmodel"] = MLMODEL.encode()
        self.files[f"{directory}/serving_input_example.json"] = EXAMPLE
        self.files[f"{directory}/requirements.txt"] = b"# pinned\nscikit-learn==1.7.0\n\nmlflow\n"
        self.runs["run-1"] = {
            "data": {
                "metrics": [{"key": "auc", "value": 0.9}, {"key": "loss", "value": "NaN"}],
                "params": [{"key": "depth", "value": "7"}],
                "tags": [{"key": "mlflow.user", "value": "ana"}],
            }
        }

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        path, query = parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.calls[path] += 1
        self.user_agents.add(headers.get("user-agent", ""))
        faulty = self.fault(method, path)
        if faulty is not None:
            return faulty
        if path.startswith(("/.well-known", "/oidc")):
            return self._login(path, headers)
        if headers.get("authorization") not in (f"Bearer {TOKEN}", "Bearer from-oauth"):
            return error(401, "UNAUTHENTICATED")
        for prefix, route in self._routes():
            if path.startswith(prefix):
                return route(unquote(path[len(prefix) :]).strip("/"), query, body)
        return error(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")

    def _routes(self) -> list[tuple[str, Callable[[str, dict[str, str], bytes], Answer]]]:
        return [
            (MODELS, self._model),
            ("/api/2.0/fs/files", self._file),
            ("/api/2.0/mlflow/runs/get", self._run),
            ("/api/2.0/mlflow/unity-catalog/registered-models/get", self._mlflow_model),
            ("/api/2.0/mlflow/unity-catalog/model-versions/get", self._mlflow_version),
            (GRANTS, lambda rest, query, body: Answer(200, {"privilege_assignments": self.grants})),
            (ENDPOINTS, self._endpoint),
            ("/serving-endpoints", self._invoke),
            ("/api/2.0/preview/scim/v2/Me", lambda rest, query, body: Answer(200, {"userName": CLIENT_ID})),
        ]

    def _login(self, path: str, headers: dict[str, str]) -> Answer:
        if path == "/.well-known/databricks-config":
            return Answer(200, {"oidc_endpoint": f"{self.url}/oidc", "workspace_id": "42"})
        if path == "/oidc/v1/token":
            if not headers.get("authorization", "").startswith("Basic "):
                return Answer(401, {"error": "invalid_client"})
            return Answer(200, {"access_token": "from-oauth", "token_type": "Bearer", "expires_in": 3600})
        base = f"{self.url}/oidc/v1"
        return Answer(200, {"token_endpoint": f"{base}/token", "authorization_endpoint": f"{base}/authorize"})

    def _page(self, key: str, rows: list[Any], query: dict[str, str]) -> Answer:
        """An empty page with a token comes first, as Unity Catalog is free to do."""
        if "page_token" not in query:
            return Answer(200, {key: [], "next_page_token": "0"})
        start = int(query["page_token"])
        end = start + self.page_size
        more = {"next_page_token": str(end)} if end < len(rows) else {}
        return Answer(200, {key: rows[start:end], **more})

    def _model(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        if not rest:
            return self._page("registered_models", list(self.models.values()), query)
        name, _, tail = rest.partition("/")
        if name not in self.models:
            return error(404, "RESOURCE_DOES_NOT_EXIST", f"{name} does not exist")
        if tail == "versions":
            return self._page("model_versions", list(self.versions.get(name, {}).values()), query)
        kind, _, which = tail.partition("/")
        if kind == "aliases":
            which = str(self.aliases.get(name, {}).get(which, 0))
        if kind in ("versions", "aliases"):
            found = self.versions.get(name, {}).get(int(which))
            return Answer(200, found) if found else error(404, "RESOURCE_DOES_NOT_EXIST")
        told = query.get("include_aliases") == "true"
        aliases = [{"alias_name": a, "version_num": v} for a, v in self.aliases.get(name, {}).items()]
        return Answer(200, {**self.models[name], **({"aliases": aliases} if told else {})})

    def _file(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        content = self.files.get(f"/{rest}")
        return Answer(200, content) if content is not None else error(404, "NOT_FOUND")

    def _run(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        run = self.runs.get(query.get("run_id", ""))
        return Answer(200, {"run": run}) if run else error(404, "RESOURCE_DOES_NOT_EXIST")

    def _mlflow_model(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        tags = [{"key": k, "value": v} for k, v in self.tags.get(query["name"], {}).items()]
        return Answer(200, {"registered_model": {"name": query["name"], "tags": tags}})

    def _mlflow_version(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        return Answer(200, {"model_version": {"tags": [{"key": "validated", "value": "yes"}]}})

    def _endpoint(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        if not rest:
            return Answer(200, {"endpoints": list(self.endpoints.values())})
        name, _, tail = rest.partition("/")
        if name not in self.endpoints:
            return error(404, "RESOURCE_DOES_NOT_EXIST")
        return Answer(200, {"logs": f"logs of {tail}"} if tail else self.endpoints[name])

    def _invoke(self, rest: str, query: dict[str, str], body: bytes) -> Answer:
        if rest.partition("/")[0] not in self.endpoints:
            return error(404, "RESOURCE_DOES_NOT_EXIST", "no such endpoint")
        return self.invocation(json.loads(body))


@contextmanager
def serving(registry: FakeRegistry) -> Iterator[FakeRegistry]:
    """Serve ``registry`` on a free port; its ``url`` is set."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: with two, the delayed acknowledgement costs 40 ms a request.
        wbufsize = 65536
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = registry.answer(self.command, self.path, headers, body)
            payload = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            with suppress(ConnectionError):  # the client did not wait for it
                self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: the registry counts its calls."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
