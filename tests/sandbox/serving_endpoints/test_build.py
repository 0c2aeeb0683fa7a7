from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.config import ConfigError
from sandbox.serving_endpoints.replicas.build import BuildError, BuildLog, inspect_model, tail
from sandbox.serving_endpoints.replicas.command import served_environment
from sandbox.serving_endpoints.replicas.settings import EndpointSettings

MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"


@pytest.fixture
def log(tmp_path: Path) -> BuildLog:
    build_log = BuildLog(tmp_path / "logs" / "build.log")
    build_log.begin()
    return build_log


def test_requirements_that_do_not_fit_are_noted_and_the_build_goes_on(tmp_path: Path, log: BuildLog) -> None:
    (tmp_path / "MLmodel").write_text(MLMODEL)
    requirements = (
        "# made by MLflow\npytest\nnumpy==0.1\nno-such-package>=1\nodd requirement !\nold; python_version<'3'\n"
    )
    (tmp_path / "requirements.txt").write_text(requirements)

    inspect_model(tmp_path, log)

    lines = tail(tmp_path / "logs" / "build.log").splitlines()
    warnings = [line for line in lines if "WARNING" in line]
    assert all(line.startswith("[20") for line in lines)
    assert len(warnings) == 3
    assert "numpy" in warnings[0]
    assert "no-such-package is not installed" in warnings[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("flavors: {sklearn: {}}", "no python_function flavor"),
        ("flavors: 3", "names no flavors"),
        ("- a list", "names no flavors"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_directory_that_cannot_be_served_fails_the_build(
    tmp_path: Path, log: BuildLog, content: str, reason: str
) -> None:
    (tmp_path / "MLmodel").write_text(content)

    with pytest.raises(BuildError, match=reason):
        inspect_model(tmp_path, log)


def test_the_end_of_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))

    assert tail(path, limit_bytes=25) == "line 998\nline 999\n"
    assert tail(tmp_path / "nothing") == ""


def test_the_served_process_sees_an_allow_list_and_its_own_variables() -> None:
    inherited = {"PATH": "/bin", "SANDBOX_TOKENS": "secret", "DATABASE_URL": "x"}

    environment = served_environment(inherited, {"MODE": "calm", "OMP_NUM_THREADS": "3"})

    assert environment["PATH"] == "/bin"
    assert (environment["MODE"], environment["OMP_NUM_THREADS"]) == ("calm", "3")
    assert not {"SANDBOX_TOKENS", "DATABASE_URL"} & set(environment)


def test_settings_come_from_the_environment() -> None:
    environ = {"SANDBOX_BUILD_SECONDS": "1.5", "SANDBOX_IDLE_SECONDS": "60", "SANDBOX_TRAFFIC_SEED": "7"}

    settings = EndpointSettings.from_environ(environ)

    assert (settings.build_s, settings.idle_s, settings.traffic_seed) == (1.5, 60.0, 7)
    assert EndpointSettings.from_environ({}) == EndpointSettings()


@pytest.mark.parametrize("variable", ["SANDBOX_BUILD_SECONDS", "SANDBOX_IDLE_SECONDS", "SANDBOX_PARALLEL_STARTS"])
@pytest.mark.parametrize("value", ["soon", "-1", "inf"])
def test_a_bad_setting_is_refused_by_its_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        EndpointSettings.from_environ({variable: value})
