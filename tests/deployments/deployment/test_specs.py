"""DeploymentSpec: every rule, all errors at once, and the same spec in every notation."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployments.deployment.specs import DeploymentSpec, parse_spec
from web.errors import Invalid

LEAST = {"model": "staging.fraud.card_fraud", "version": "3", "environment": "staging", "name": "card-fraud"}
FULL = {
    "model": "staging.fraud.card_fraud",
    "version": "3",
    "environment": "staging",
    "name": "card-fraud",
    "compute": {"workload_type": "CPU", "workload_size": "Small", "scale_to_zero": True},
    "rollout": {
        "strategy": "canary",
        "steps": [5, 25, 50, 100],
        "bake_minutes": 10,
        "max_error_rate": 0.01,
        "max_p99_ms": 300,
        "min_requests": 200,
    },
    "monitoring": {
        "inference_table": True,
        "drift_metric": "psi",
        "drift_threshold": 0.2,
        "exclude": [],
        "critical": ["amount"],
    },
    "env_vars": {"MODE": "{{secrets/fraud/mode}}"},
    "tags": {"cost_center": "1234"},
}


def wrong(**fields):
    """The fields that are refused when ``fields`` are written over the smallest spec."""
    with pytest.raises(Invalid) as refusal:
        parse_spec({**LEAST, **fields})
    assert all(text.endswith(".") for texts in refusal.value.fields.values() for text in texts)
    return set(refusal.value.fields)


def test_the_spec_of_the_documentation_comes_back_as_it_went_in():
    assert parse_spec(FULL).as_json() == FULL


def test_four_fields_are_enough():
    spec = parse_spec(LEAST)
    assert spec.compute.workload_size == "Small"
    assert spec.rollout.steps == [100]
    assert spec.monitoring.inference_table is False


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(Invalid) as refusal:
        parse_spec(
            {
                "version": 3,
                "environment": "stag ing",
                "name": "-x",
                "compute": {"workload_size": "Huge", "gpus": 1},
                "rollout": {"steps": [50, 25], "bake_minutes": "10"},
                "colour": "red",
            }
        )
    assert set(refusal.value.fields) == {
        "model",
        "version",
        "environment",
        "name",
        "compute.workload_size",
        "compute.gpus",
        "rollout.bake_minutes",
        "colour",
    }
    assert refusal.value.fields["model"] == ["This field is required."]
    assert refusal.value.fields["colour"] == ["Unknown field."]


@pytest.mark.parametrize("data", [None, [], "text", 3, [["model", "a.b.c"]]])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(Invalid):
        parse_spec(data)


@pytest.mark.parametrize("name", ["a", "A9", "card-fraud", "card_fraud", "x" * 63])
def test_good_endpoint_names(name):
    assert parse_spec({**LEAST, "name": name}).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-a",
        "a-",
        "_a",
        "a.b",
        "a b",
        "caf\xe9",
        "x" * 64,
        "databricks-x",
        "Databricks-x",
        "a\n\nb",
        "\x00",
        None,
    ],
)
def test_bad_endpoint_names(name):
    assert wrong(name=name) == {"name"}


@pytest.mark.parametrize("model", ["a", "a.b", "a.b.c.d", "a..c", "a.b.c d", "a/b.c.d", "a.b.\x00", "", 7])
def test_bad_model_names(model):
    assert wrong(model=model) == {"model"}


def test_a_model_name_is_lower_case_as_in_unity_catalog():
    assert parse_spec({**LEAST, "model": "Staging.Fraud.Card_Fraud"}).model == "staging.fraud.card_fraud"


@pytest.mark.parametrize(
    "version", ["0", "-1", "1.0", "01", "1234567890", "champion", "@", "@a b", 3, 3.0, True, None, ""]
)
def test_bad_versions(version):
    assert wrong(version=version) == {"version"}


@pytest.mark.parametrize("version", ["1", "999999999", "@champion"])
def test_good_versions(version):
    assert parse_spec({**LEAST, "version": version}).version == version


def test_an_alias_is_pinned_to_a_number():
    assert parse_spec({**LEAST, "version": "@champion"}).pinned(7).version == "7"


@pytest.mark.parametrize("value", ["stag\n", "", "a b", "\x00", "x" * 64, 1])
def test_bad_environments(value):
    assert wrong(environment=value) == {"environment"}


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("compute", "workload_type", "cpu"),
        ("compute", "workload_size", "XL"),
        ("compute", "scale_to_zero", 1),
        ("compute", "scale_to_zero", "true"),
        ("rollout", "strategy", "rolling"),
        ("rollout", "bake_minutes", -1),
        ("rollout", "bake_minutes", 1441),
        ("rollout", "bake_minutes", 10.5),
        ("rollout", "bake_minutes", True),
        ("rollout", "max_error_rate", 1.01),
        ("rollout", "max_error_rate", -0.1),
        ("rollout", "max_error_rate", "0.5"),
        ("rollout", "max_error_rate", True),
        ("rollout", "max_error_rate", float("nan")),
        ("rollout", "max_error_rate", float("inf")),
        ("rollout", "max_p99_ms", 0),
        ("rollout", "max_p99_ms", 10**30),
        ("rollout", "min_requests", 0),
        ("monitoring", "drift_metric", "PSI"),
        ("monitoring", "drift_threshold", 0),
        ("monitoring", "drift_threshold", float("nan")),
        ("monitoring", "drift_threshold", "0.2"),
        ("monitoring", "inference_table", "yes"),
    ],
)
def test_bad_values_are_named_with_their_part(part, field, value):
    assert wrong(**{part: {field: value}}) == {f"{part}.{field}"}


@pytest.mark.parametrize("steps", [[], [50], [100, 50], [50, 50, 100], [0, 100], [50, 101], ["50", 100], [1.5, 100]])
def test_steps_rise_to_everything(steps):
    fields = wrong(rollout={"steps": steps})
    assert all(field.startswith("rollout") for field in fields)


def test_columns_have_names_that_can_be_kept():
    assert wrong(monitoring={"critical": ["amount", ""]}) == {"monitoring.critical.1"}
    assert wrong(monitoring={"exclude": ["a\x00b"]}) == {"monitoring.exclude.0"}
    odd = ["amount in EUR", "x[0]", "gr\xf6\xdfe"]
    assert parse_spec({**LEAST, "monitoring": {"critical": odd}}).monitoring.critical == odd


@pytest.mark.parametrize(
    "env_vars",
    [
        {"1A": "x"},
        {"A-B": "x"},
        {"": "x"},
        {"A" * 129: "x"},
        {"MODE": "{{secret/fraud/mode}}"},
        {"MODE": "{{secrets/fraud/mode}}\n"},
        {"MODE": "a{{secrets/fraud/mode}}"},
        {"API_TOKEN": "abc"},
        {"db_password": "abc"},
        {"MY_SECRET_KEY": ""},
    ],
)
def test_environment_variables_follow_the_rules_and_hold_no_secret(env_vars):
    assert wrong(env_vars=env_vars) == {"env_vars"}


@pytest.mark.parametrize("content", ["a\x00b", "x" * 256, 1, None])
def test_contents_of_environment_variables_are_short_text(content):
    assert wrong(env_vars={"MODE": content}) == {"env_vars.MODE"}


def test_a_secret_is_given_by_reference():
    assert parse_spec({**LEAST, "env_vars": {"API_TOKEN": "{{secrets/fraud/token}}", "MODE": "fast"}})


def test_there_are_at_most_30_environment_variables_and_16_tags():
    assert parse_spec({**LEAST, "env_vars": {f"V{n}": "x" for n in range(30)}})
    assert wrong(env_vars={f"V{n}": "x" for n in range(31)}) == {"env_vars"}
    assert wrong(tags={f"t{n}": "x" for n in range(17)}) == {"tags"}


@pytest.mark.parametrize("name", ["team", "environment", "managed_by", "slipway_deployment", "a b", "", "x" * 128])
def test_tags_that_are_ours_or_no_names_are_refused(name):
    assert wrong(tags={name: "x"}) == {"tags"}


def test_yaml_keys_that_are_no_text_are_refused():
    with pytest.raises(Invalid):
        parse_spec({**LEAST, "tags": {1: "x"}})
    with pytest.raises(Invalid):
        parse_spec(LEAST | {1: "x"})


NAMES = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9_-]{0,40}[A-Za-z0-9])?\Z").filter(
    lambda name: not name.lower().startswith("databricks-")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
SPECS = st.fixed_dictionaries(
    {
        "model": st.from_regex(r"\A[a-z_]{1,9}\.[a-z_]{1,9}\.[a-z0-9_-]{1,9}\Z"),
        "version": st.integers(1, 999_999_999).map(str) | st.from_regex(r"\A@[A-Za-z0-9_-]{1,20}\Z"),
        "environment": st.from_regex(r"\A[a-z0-9_-]{1,20}\Z"),
        "name": NAMES,
    },
    optional={
        "compute": st.fixed_dictionaries(
            {}, optional={"workload_size": st.sampled_from(["Small", "Large"]), "scale_to_zero": st.booleans()}
        ),
        "rollout": st.fixed_dictionaries(
            {},
            optional={
                "steps": st.sets(st.integers(1, 99), max_size=8).map(lambda steps: [*sorted(steps), 100]),
                "max_error_rate": st.floats(0, 1),
                "max_p99_ms": st.none() | st.integers(1, 297_000),
            },
        ),
        "monitoring": st.fixed_dictionaries(
            {}, optional={"critical": st.lists(TEXTS.filter(bool), max_size=4), "drift_threshold": st.floats(0.001, 9)}
        ),
        "tags": st.dictionaries(st.from_regex(r"\A[a-z]{5,20}x\Z"), TEXTS, max_size=4),
    },
)


@given(data=SPECS)
def test_a_spec_survives_json_and_yaml(data):
    spec = parse_spec(data)
    assert isinstance(spec, DeploymentSpec)
    assert parse_spec(json.loads(json.dumps(spec.as_json()))) == spec
    assert parse_spec(yaml.safe_load(yaml.safe_dump(spec.as_json()))) == spec
    assert parse_spec(spec.as_json()).as_json() == spec.as_json()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(field=st.sampled_from([*FULL, "unknown"]), value=JSON)
def test_whatever_stands_in_a_field_the_answer_is_a_spec_or_a_refusal(field, value):
    with suppress(Invalid):
        spec = parse_spec({**LEAST, field: value})
        assert field == "name" or spec.name == "card-fraud"
