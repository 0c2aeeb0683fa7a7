"""The scoring protocol, judged by MLflow's own scoring server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server

from serving.app import create_app
from serving.lifecycle import Phase
from serving.settings import ServingSettings
from tests.serving import saved_models
from tests.serving.saved_models import FRAME
from tests.waiting import wait_until

Serve = Callable[..., TestClient]
SPLIT = {"columns": list(FRAME.columns), "data": FRAME.values.tolist()}
RECORDS = FRAME.to_dict(orient="records")


def runtime_of(client: TestClient) -> Any:
    assert isinstance(client.app, FastAPI)
    return client.app.state.runtime


def post(client: TestClient, body: Any, content_type: str = "application/json") -> Any:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post("/invocations", content=content, headers={"content-type": content_type})


def mlflow_answer(path: Path, body: Any, content_type: str = "application/json") -> Any:
    app = scoring_server.init(mlflow.pyfunc.load_model(str(path)))
    response = post(TestClient(app), body, content_type)
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {**SPLIT, "data": [[21, 1.5, 0], [63.0, 9.25, 1]]}},
        {"dataframe_records": [{"age": 21.0, "income": 1.5, "city": 0}]},
        {"dataframe_records": [{"city": 1, "income": 1.5, "age": 21.0, "extra": "ignored"}]},
        {"inputs": {"age": [21.0], "income": [1.5], "city": [1]}},
        {"instances": [{"age": 21.0, "income": 1.5, "city": 1}, {"age": 63.0, "income": 9.0, "city": 0}]},
    ],
)
def test_a_classifier_answers_as_mlflow_does(serve: Serve, classifier: Path, body: dict[str, Any]) -> None:
    response = post(serve(classifier), body)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.text == mlflow_answer(classifier, body).text


def test_predictions_equal_those_of_the_loaded_model(serve: Serve, classifier: Path) -> None:
    model = mlflow.pyfunc.load_model(str(classifier))
    data = {"age": [21.0, 50.0], "income": [1.0, 8.0], "city": [0, 1]}

    response = post(serve(classifier), {"inputs": data})

    expected = model.predict({key: np.array(value) for key, value in data.items()})
    assert response.json() == {"predictions": expected.tolist()}


def test_csv_is_read_as_mlflow_reads_it(serve: Serve, classifier: Path) -> None:
    body = FRAME.to_csv(index=False)

    response = post(serve(classifier), body, "text/csv; charset=utf-8")

    assert response.text == mlflow_answer(classifier, body, "text/csv; charset=utf-8").text


def test_a_frame_is_answered_as_records_with_nan_and_times_as_mlflow_writes_them(
    serve: Serve, frame_model: Path
) -> None:
    body = {"dataframe_records": [{"age": 2.0, "income": 1.0}, {"age": 3.0, "income": 1.0}], "params": {"scale": 2}}

    response = post(serve(frame_model), body)

    assert response.text == mlflow_answer(frame_model, body).text
    first, second = json.loads(response.text)["predictions"]
    assert (first["score"], second["score"], second["count"]) == (4.0, 6.0, 1)
    assert first["at"] == "2026-01-02T03:04:05+00:00"
    assert first["missing"] != first["missing"]


@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_tensors_are_answered_as_mlflow_does(serve: Serve, tensor_model: Path, key: str) -> None:
    body = {key: [[1, 2, 3], [4, 5, 6.5]]}

    response = post(serve(tensor_model), body)

    assert response.json() == {"predictions": [6.0, 15.5]}
    assert response.text == mlflow_answer(tensor_model, body).text


def test_the_client_request_id_is_not_shown_to_the_model(serve: Serve, tensor_model: Path) -> None:
    response = post(serve(tensor_model), {"inputs": [[1, 2, 3]], "client_request_id": "abc"})

    assert response.json() == {"predictions": [6.0]}


NOT_A_BODY: list[tuple[str, Any, str]] = [
    ("empty", "", "empty"),
    ("blank", "  \n", "empty"),
    ("not JSON", "{'a': 1}", "not valid JSON"),
    ("not UTF-8", b'{"inputs": "\xff"}', "not valid JSON"),
    ("deeply nested", "[" * 100_000, "not valid JSON"),
    ("a list", "[1, 2]", "Received a list"),
    ("a number", "3", "Received a int"),
    ("null", "null", "Received a NoneType"),
    ("no format", {"data": [[1]]}, "exactly one of the input fields"),
    ("two formats", {"inputs": [1], "instances": [1]}, "exactly one of the input fields"),
    ("params not an object", {"dataframe_records": RECORDS, "params": 3}, "'params' must be a JSON object"),
    ("a missing column", {"dataframe_records": [{"age": 1.0, "city": 0}]}, "income"),
    ("a column of text", {"dataframe_records": [{"age": "old", "income": 1.0, "city": 0}]}, "age"),
    ("a column of objects", {"dataframe_records": [{"age": {"a": 1}, "income": 1.0, "city": 0}]}, "age"),
    ("records not a list", {"dataframe_records": {"age": 1}}, "list of records"),
    ("records of numbers", {"dataframe_records": [1, 2]}, "signature"),
    ("records null", {"dataframe_records": None}, "list of records"),
    ("no records", {"dataframe_records": []}, "age"),
    ("split not an object", {"dataframe_split": [1]}, "dictionary"),
    ("split without data", {"dataframe_split": {"columns": ["age"]}}, "'data'"),
    ("split with ragged rows", {"dataframe_split": {"columns": ["age", "city"], "data": [[1, 2], [3]]}}, "city"),
    ("split with too few names", {"dataframe_split": {"columns": ["age"], "data": [[1, 2, 3]]}}, "dataframe_split"),
    ("split with a column twice", {"dataframe_split": {**SPLIT, "columns": ["age", "age", "city"]}}, "income"),
    ("inputs of uneven length", {"inputs": {"age": [1.0, 2.0], "income": [1.0], "city": [1]}}, ""),
    ("a null where none may be", {"dataframe_records": [{"age": None, "income": None, "city": None}]}, "city"),
]


@pytest.mark.parametrize(("body", "reason"), [row[1:] for row in NOT_A_BODY], ids=[row[0] for row in NOT_A_BODY])
def test_bad_input_is_a_400_that_says_why(serve: Serve, classifier: Path, body: Any, reason: str) -> None:
    response = post(serve(classifier), body)

    assert response.status_code == 400
    assert set(response.json()) == {"error_code", "message"}
    assert response.json()["error_code"] == "BAD_REQUEST"
    assert reason in response.json()["message"]


@pytest.mark.parametrize("mood", ["raise", "nonsense", "set"])
def test_a_model_that_raises_or_returns_nonsense_is_a_client_error(serve: Serve, moody_model: Path, mood: str) -> None:
    client = serve(moody_model)

    assert post(client, {"dataframe_records": [{"mood": mood}]}).status_code == 400
    assert post(client, {"dataframe_records": [{"mood": "fine"}]}).json() == {"predictions": ["fine"]}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_content_type_is_a_415(serve: Serve, classifier: Path, content_type: str) -> None:
    assert post(serve(classifier), {"dataframe_records": RECORDS}, content_type).status_code == 415


def test_another_character_set_is_a_415(serve: Serve, classifier: Path) -> None:
    assert post(serve(classifier), "a", "text/csv; charset=latin-1").status_code == 415


def test_a_body_over_the_limit_is_a_413(serve: Serve, classifier: Path) -> None:
    client = serve(classifier, max_body_bytes=100)

    declared = client.post("/invocations", content=b"x" * 101)
    streamed = client.post("/invocations", content=(b"x" * 60 for _ in range(2)))

    assert (declared.status_code, streamed.status_code) == (413, 413)


def test_unknown_paths_and_methods_have_the_same_error_shape(serve: Serve, classifier: Path) -> None:
    client = serve(classifier)

    assert client.get("/nothing").json()["error_code"] == "ENDPOINT_NOT_FOUND"
    assert client.get("/invocations").status_code == 405


def test_ping_is_not_ready_before_the_model_is_loaded(classifier: Path) -> None:
    client = TestClient(create_app(ServingSettings(model_path=classifier)))  # no lifespan: nothing loads

    assert client.get("/ping").status_code == 503
    assert client.get("/ping").json() == {"status": "loading", "detail": "The model is loading."}
    refused = post(client, {"dataframe_records": RECORDS})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


def test_ping_says_whether_the_model_has_predicted(serve: Serve, classifier: Path, moody_model: Path) -> None:
    assert serve(classifier).get("/health").json()["detail"] == "The model predicted on its input example."
    assert "no input example" in serve(moody_model).get("/ping").json()["detail"]


def test_a_model_that_fails_on_its_own_example_never_becomes_ready(serve: Serve, tmp_path: Path) -> None:
    client = serve(saved_models.save_model_that_fails_on_its_example(tmp_path / "broken"))

    response = client.get("/ping")

    assert response.status_code == 503
    assert response.json()["status"] == "failed"
    assert "a column that is not there" in response.json()["detail"]


def test_a_directory_that_is_no_model_never_becomes_ready(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}\n")

    assert serve(tmp_path).get("/ping").json()["status"] == "failed"


def test_the_request_id_is_kept_or_made(serve: Serve, tensor_model: Path) -> None:
    client = serve(tensor_model)

    given = client.get("/ping", headers={"x-request-id": "abc-123"})
    odd = client.get("/ping", headers={"x-request-id": "a b\tc"})

    assert given.headers["x-request-id"] == "abc-123"
    assert len(odd.headers["x-request-id"]) == 32
    assert given.headers["served-model-name"] == "entity-1"


def test_metrics_count_requests_errors_and_predictions(serve: Serve, tensor_model: Path) -> None:
    client = serve(tensor_model)
    post(client, {"inputs": [[1, 2, 3]]})
    post(client, {"inputs": "no"})

    response = client.get("/metrics", headers={"accept": "application/openmetrics-text"})

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    lines = response.text.splitlines()
    assert 'serving_requests_total{code="200"} 1.0' in lines
    assert "serving_requests_4xx_total 1.0" in lines
    assert "serving_requests_5xx_total 0.0" in lines
    assert "serving_model_prediction_seconds_count 1.0" in lines
    assert "serving_request_latency_seconds_count 2.0" in lines
    assert any(line.startswith("process_cpu_seconds_total ") for line in lines)
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    assert lines[-1] == "# EOF"


def test_one_request_too_many_is_a_429_and_ping_still_answers(serve: Serve, moody_model: Path) -> None:
    client = serve(moody_model, concurrency=1, queue_size=1)
    pool = runtime_of(client).pool
    answers: list[int] = []

    def slow() -> None:
        answers.append(post(client, {"dataframe_records": [{"mood": "wait 0.7"}]}).status_code)

    threads = [threading.Thread(target=slow) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: (pool.running, pool.waiting) == (1, 1), 5)
    refused = post(client, {"dataframe_records": [{"mood": "fine"}]})
    alive = client.get("/ping")
    for thread in threads:
        thread.join()

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error_code"] == "RESOURCE_EXHAUSTED"
    assert alive.status_code == 200
    assert answers == [200, 200]
    wait_until(lambda: pool.running == 0, 5)


def test_a_prediction_that_takes_too_long_is_a_504(serve: Serve, moody_model: Path) -> None:
    client = serve(moody_model, request_timeout_s=0.1)

    assert post(client, {"dataframe_records": [{"mood": "wait 0.5"}]}).status_code == 504


def test_a_draining_server_refuses_new_requests(serve: Serve, tensor_model: Path) -> None:
    client = serve(tensor_model)
    runtime_of(client).lifecycle.drain()

    assert client.get("/ping").status_code == 503
    assert client.get("/ping").json()["status"] == Phase.DRAINING.value
    assert post(client, {"inputs": [[1, 2, 3]]}).status_code == 503


def test_the_openapi_document_describes_the_signature(serve: Serve, frame_model: Path) -> None:
    document = serve(frame_model).get("/openapi.json").json()

    schema = document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    rows = schema["oneOf"][0]["properties"]["dataframe_records"]["items"]
    assert rows["properties"]["age"] == {"type": "number", "format": "double"}
    assert rows["required"] == ["age", "income"]
    assert schema["properties"]["params"]["properties"]["scale"] == {"type": "number", "format": "double"}


def test_the_version_is_mlflows(serve: Serve, tensor_model: Path) -> None:
    assert serve(tensor_model).get("/version").text == mlflow.__version__
