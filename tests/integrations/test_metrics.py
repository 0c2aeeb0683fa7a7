"""Reading an endpoint's OpenMetrics."""

import math

import pytest

from integrations.errors import IntegrationError
from integrations.metrics import Window, read_windows

TEXT = """# HELP request_count_total In the last minute.
# TYPE request_count_total gauge
request_count_total{endpoint_name="card-fraud",served_model="card_fraud-3"} 90
request_count_total{endpoint_name="card-fraud",served_model="card_fraud-4"} 10
# TYPE request_4xx_count_total gauge
request_4xx_count_total{endpoint_name="card-fraud",served_model="card_fraud-4"} 2
# TYPE request_5xx_count_total gauge
request_5xx_count_total{endpoint_name="card-fraud",served_model="card_fraud-4"} 1
# TYPE request_latency_ms histogram
request_latency_ms_bucket{endpoint_name="card-fraud",served_model="card_fraud-4",le="10.0"} 5
request_latency_ms_bucket{endpoint_name="card-fraud",served_model="card_fraud-4",le="100.0"} 10
request_latency_ms_bucket{endpoint_name="card-fraud",served_model="card_fraud-4",le="+Inf"} 10
request_latency_ms_sum{endpoint_name="card-fraud",served_model="card_fraud-4"} 300
request_latency_ms_count{endpoint_name="card-fraud",served_model="card_fraud-4"} 10
# TYPE cpu_usage_percentage gauge
cpu_usage_percentage{endpoint_name="card-fraud",served_model="card_fraud-4"} 3
# EOF
"""


def test_each_served_entity_has_its_own_numbers():
    windows = read_windows(TEXT)
    assert windows["card_fraud-3"] == Window(90)
    assert windows["card_fraud-4"] == Window(10, 2, 1, {10.0: 5, 100.0: 10, math.inf: 10})
    assert windows["card_fraud-4"].errors == 3


@pytest.mark.parametrize("label", ["served_entity", "served_model_name", "served_entity_name"])
def test_another_name_of_the_label_is_understood(label):
    assert read_windows(TEXT.replace("served_model=", f"{label}=")) == read_windows(TEXT)


def test_samples_that_differ_in_other_labels_are_added_up():
    twice = 'request_count_total{served_model="a",replica="1"} 2\nrequest_count_total{served_model="a",replica="2"} 3\n'
    assert read_windows(twice) == {"a": Window(5)}


@pytest.mark.parametrize("text", ["", "# EOF\n", 'request_count_total{endpoint_name="card-fraud"} 3\n'])
def test_what_names_no_entity_tells_of_none(text):
    assert read_windows(text) == {}


def test_an_entity_with_errors_and_no_count_is_not_taken_for_one_without_requests():
    assert read_windows('request_5xx_count_total{served_model="a"} 3\n') == {}


def test_what_is_no_openmetrics_is_refused():
    with pytest.raises(IntegrationError, match="cannot be read"):
        read_windows("<html><body>Sign in</body></html>\n")


@pytest.mark.parametrize(
    ("latency", "share", "expected"),
    [
        ({}, 0.99, None),
        ({math.inf: 0.0}, 0.99, None),
        ({10.0: 0.0, math.inf: 0.0}, 0.99, None),
        ({10.0: 100.0, math.inf: 100.0}, 0.5, 5.0),
        ({10.0: 50.0, 20.0: 100.0, math.inf: 100.0}, 0.75, 15.0),
        ({10.0: 50.0, 20.0: 50.0, 40.0: 100.0, math.inf: 100.0}, 0.99, 39.6),
        ({10.0: 90.0, math.inf: 100.0}, 0.99, 10.0),
    ],
)
def test_a_quantile_is_that_of_prometheus(latency, share, expected):
    quantile = Window(latency=latency).quantile_ms(share)
    assert quantile == (expected if expected is None else pytest.approx(expected))


def test_the_models_own_part_of_the_wait_is_told_apart():
    own = """# TYPE model_prediction_latency_ms histogram
model_prediction_latency_ms_bucket{endpoint_name="card-fraud",served_model="card_fraud-4",le="5.0"} 10
model_prediction_latency_ms_bucket{endpoint_name="card-fraud",served_model="card_fraud-4",le="+Inf"} 10
# EOF
"""
    windows = read_windows(TEXT.replace("# EOF\n", own))
    assert windows["card_fraud-4"].model_quantile_ms(0.5) == 2.5
    assert windows["card_fraud-4"].quantile_ms(0.5) == 10
    assert windows["card_fraud-3"].model_quantile_ms(0.5) is None
    both = windows["card_fraud-4"] + windows["card_fraud-4"] + windows["card_fraud-3"]
    assert (both.requests, both.model_latency) == (110, {5.0: 20, math.inf: 20})


def test_windows_add_up_bucket_by_bucket():
    first, second = Window(3, 1, 0, {10.0: 2, math.inf: 3}), Window(4, 0, 2, {10.0: 4, math.inf: 4})
    assert first + second == Window(7, 1, 2, {10.0: 6, math.inf: 7})
