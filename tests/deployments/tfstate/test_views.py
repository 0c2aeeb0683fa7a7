"""Versions of a Terraform state: the list, what two differ in, who may see them; page and API."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import page_of, queries
from tests.deployments.tfstate.versions import CANARY, write

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def url(deployment):
    return reverse("deployments:states", args=[deployment.pk])


def api(deployment, rest=""):
    return f"/api/v1/deployments/{deployment.pk}/states/{rest}"


@pytest.fixture
def versions(deployment):
    """Three versions of the state of ``deployment``, the oldest first."""
    run = make_run(deployment, RunStatus.SUCCEEDED)
    return [
        write(deployment, 1, run=run),
        write(deployment, 2, "Medium"),
        write(deployment, 3, "Large", "another-canary"),
    ]


def test_the_page_lists_serial_run_size_and_hash(client, deployment, versions, deployer):
    client.force_login(deployer)
    page = page_of(client, url(deployment))
    for version in versions:
        assert version.sha256[:12] in page
    assert f"#{versions[0].run_id}" in page
    assert CANARY not in page


def test_a_version_is_compared_with_the_one_before_or_with_any_other(client, deployment, versions, deployer):
    client.force_login(deployer)
    page = page_of(client, f"{url(deployment)}?version={versions[2].pk}")
    assert "Serial 2 → 3" in page
    assert "config[0].served_entities[0].workload_size" in page
    page = page_of(client, f"{url(deployment)}?version={versions[2].pk}&against={versions[0].pk}")
    assert "Serial 1 → 3" in page
    page = page_of(client, f"{url(deployment)}?version={versions[0].pk}")
    assert "(first)" in page
    page = page_of(client, f"{url(deployment)}?version={versions[0].pk}&against={versions[0].pk}")
    assert "No attributes differ" in page


def test_no_value_of_a_variable_is_shown_and_its_change_is(client, deployment, versions, deployer, api_as):
    client.force_login(deployer)
    page = page_of(client, f"{url(deployment)}?version={versions[2].pk}")
    text = api_as(deployer).get(api(deployment, f"{versions[2].pk}/diff/")).content.decode()
    for shown in (page, text):
        assert "canary" not in shown
        assert "(given, changed)" in shown


@pytest.mark.parametrize("query", ["version=0", "version=x", "version=", f"version={'9' * 30}", "version=1&against=x"])
def test_a_version_that_is_not_there_is_404(client, deployment, deployer, query):
    client.force_login(deployer)
    assert client.get(f"{url(deployment)}?{query}").status_code == 404


def test_another_deployments_version_is_404(client, deployment, versions, model_version, deployer, api_as):
    other = make_deployment(model_version, deployer, "other")
    theirs = write(other, 1)
    client.force_login(deployer)
    assert client.get(f"{url(deployment)}?version={theirs.pk}").status_code == 404
    assert client.get(f"{url(deployment)}?version={versions[0].pk}&against={theirs.pk}").status_code == 404
    assert api_as(deployer).get(api(deployment, f"{theirs.pk}/diff/")).status_code == 404
    answer = api_as(deployer).get(api(deployment, f"{versions[0].pk}/diff/"), {"against": theirs.pk})
    assert answer.status_code == 404


def test_states_are_for_those_who_may_deploy(client, deployment, versions, viewer, approver, stranger, admin, api_as):
    for user, status in ((viewer, 403), (approver, 403), (stranger, 404), (admin, 200)):
        client.force_login(user)
        assert client.get(url(deployment)).status_code == status
        for rest in ("", f"{versions[0].pk}/", f"{versions[0].pk}/diff/"):
            assert api_as(user).get(api(deployment, rest)).status_code == status
    client.force_login(viewer)
    assert url(deployment) not in page_of(client, reverse("deployments:deployment", args=[deployment.pk]))


def test_a_version_that_no_key_opens_is_said_in_words(client, deployment, versions, deployer, api_as, settings):
    settings.STATE_KEYS = [Fernet.generate_key().decode()]
    client.force_login(deployer)
    page = page_of(client, f"{url(deployment)}?version={versions[1].pk}")
    assert "None of the configured keys can decrypt the state" in page
    answer = api_as(deployer).get(api(deployment, f"{versions[1].pk}/diff/"))
    assert (answer.status_code, answer.json()["code"]) == (409, "unreadable")


def test_an_empty_list_says_what_fills_it(client, deployment, deployer):
    client.force_login(deployer)
    assert "No state yet" in page_of(client, url(deployment))


def test_the_list_costs_the_same_for_one_and_for_twenty(client, deployment, deployer):
    client.force_login(deployer)
    write(deployment, 1)
    page_of(client, url(deployment))
    one = queries(client, url(deployment))
    for serial in range(2, 22):
        write(deployment, serial, run=make_run(deployment, RunStatus.SUCCEEDED))
    assert queries(client, url(deployment)) == one


def test_the_api_lists_and_compares(deployment, versions, deployer, api_as):
    client = api_as(deployer)
    rows = client.get(api(deployment)).json()["results"]
    assert [row["serial"] for row in rows] == [3, 2, 1]
    assert rows[2]["run"] == versions[0].run_id
    body = client.get(api(deployment, f"{versions[1].pk}/diff/")).json()
    assert (body["before"]["serial"], body["after"]["serial"]) == (1, 2)
    assert body["changes"] == [
        {
            "address": "databricks_model_serving.this",
            "path": "config[0].served_entities[0].workload_size",
            "before": "Small",
            "after": "Medium",
        }
    ]
    assert client.get(api(deployment, f"{versions[0].pk}/diff/")).json()["before"] is None
    assert client.get(api(deployment, f"{versions[1].pk}/diff/"), {"against": "x"}).status_code == 400
    assert client.get(api(deployment, f"{versions[1].pk}/diff/"), {"agianst": "1"}).status_code == 400
