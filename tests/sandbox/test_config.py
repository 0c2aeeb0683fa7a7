from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.config import ConfigError, SandboxSettings


def test_the_defaults_bind_the_loopback_address():
    settings = SandboxSettings.from_environ({"VAR_DIR": "/srv/var"})
    assert (settings.host, settings.port) == ("127.0.0.1", 8081)
    assert settings.state_dir == Path("/srv/var/sandbox")
    assert settings.tokens == ()


def test_tokens_name_their_user_and_whether_it_is_an_admin():
    settings = SandboxSettings.from_environ({"SANDBOX_TOKENS": "t1=ann@example.com:admin, t2=bob@example.com"})
    assert [(spec.token, spec.user_name, spec.is_admin) for spec in settings.tokens] == [
        ("t1", "ann@example.com", True),
        ("t2", "bob@example.com", False),
    ]


@pytest.mark.parametrize(
    ("variable", "environ"),
    [
        ("SANDBOX_PORT", {"SANDBOX_PORT": "eighty"}),
        ("SANDBOX_PORT", {"SANDBOX_PORT": "70000"}),
        ("SANDBOX_CLIENT_ID", {"SANDBOX_CLIENT_ID": "portal", "SANDBOX_CLIENT_SECRET": "s"}),
        ("SANDBOX_CLIENT_ID", {"SANDBOX_CLIENT_SECRET": "s"}),
        ("SANDBOX_CLIENT_SECRET", {"SANDBOX_CLIENT_ID": "6f7a1c52-1f0b-4a5e-9d6f-0b8e5d0a2c11"}),
        ("SANDBOX_TOKENS", {"SANDBOX_TOKENS": "just-a-token"}),
        ("SANDBOX_TOKENS", {"SANDBOX_TOKENS": "t=ann:owner"}),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(variable, environ):
    with pytest.raises(ConfigError) as refused:
        SandboxSettings.from_environ(environ)
    assert refused.value.variable == variable


def test_secrets_do_not_show_in_the_representation_of_the_settings():
    settings = SandboxSettings.from_environ(
        {
            "SANDBOX_TOKENS": "tok-1=ann",
            "SANDBOX_CLIENT_ID": "6f7a1c52-1f0b-4a5e-9d6f-0b8e5d0a2c11",
            "SANDBOX_CLIENT_SECRET": "sesame",
        }
    )
    assert "tok-1" not in repr(settings)
    assert "sesame" not in repr(settings)
