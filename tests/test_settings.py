"""Settings: defaults, every problem at once, and the reference equals the code."""

from datetime import timedelta

import pytest

from holdgate.core.config import ConfigError, Settings, default_of, load
from holdgate.core.settings.setting import Setting
from holdgate.core.settings.table import SETTINGS


def test_development_needs_nothing() -> None:
    settings = load({})
    assert settings.development
    assert settings.approval_ttl == timedelta(minutes=20)
    assert dict(settings.queues) == {"default": 100, "mail": 5, "webhooks": 5}
    assert settings.base_url == "http://127.0.0.1:8000"


def test_production_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        load({"ENVIRONMENT": "production"})
    lines = str(refused.value).splitlines()
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL", "SMTP_URL", "MAIL_FROM"):
        assert any(line.startswith(name) for line in lines), name


def test_all_wrong_values_are_reported_together_without_their_secrets() -> None:
    with pytest.raises(ConfigError) as refused:
        load(
            {
                "PORT": "http",
                "QUEUES": "Default:0",
                "APPROVAL_TTL": "soon",
                "SIGNUP": "domain:",
                "DATABASE_URL": "mysql://u:secret@h/d",
                "ALLOW_PRIVATE_ADDRESSES": "perhaps",
            }
        )
    assert len(str(refused.value).splitlines()) == 6
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("20m", 1200), ("1h", 3600), ("0.5m", 30), ("2d", 172_800)]
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert load({"APPROVAL_TTL": text}).approval_ttl == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["3651d", "999999999.9d"])
def test_a_duration_of_which_no_end_can_be_read_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"APPROVAL_TTL is .*ten years"):
        load({"APPROVAL_TTL": text})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_any_spelling_of_postgresql_names_the_driver(scheme: str) -> None:
    assert load({"DATABASE_URL": f"{scheme}://u@h/d"}).database_url == "postgresql+asyncpg://u@h/d"


def test_the_domain_of_signup_is_compared_as_addresses_are_stored() -> None:
    assert load({"SIGNUP": "domain:Bücher.Example"}).signup == "domain:xn--bcher-kva.example"


def test_private_addresses_are_allowed_in_development_only_unless_said() -> None:
    production = {
        "ENVIRONMENT": "production",
        "DATABASE_URL": "postgresql://h/d",
        "REDIS_URL": "redis://h",
        "SECRET_KEY": "x" * 32,
        "BASE_URL": "https://h",
        "SMTP_URL": "smtp://h",
        "MAIL_FROM": "a@h",
    }
    assert load({}).allow_private_addresses
    assert not load(production).allow_private_addresses
    assert load({**production, "ALLOW_PRIVATE_ADDRESSES": "yes"}).allow_private_addresses


def test_every_setting_is_a_field_and_the_other_way_round() -> None:
    only_for_tests = {"poll_interval"}
    assert {each.field for each in SETTINGS} == set(Settings.__struct_fields__) - only_for_tests


def test_a_refused_value_is_named_with_what_it_must_be_and_never_repeated_where_it_may_be_secret() -> None:
    given = {each.name: f"~Wrong {each.name}!" for each in SETTINGS}
    with pytest.raises(ConfigError) as refused:
        load(given)
    lines = {line.split()[0]: line for line in str(refused.value).splitlines()}
    free = {"KINDS", "DATA_DIR", "NO_PROXY", "JWT_ISSUER", "JWT_AUDIENCE"}
    free |= {"SECRET_KEY", "METRICS_TOKEN"}  # whose texts may be any
    assert set(lines) == set(given) - free
    for each in SETTINGS:
        if each.name not in free:
            line = lines[each.name]
            assert each.type.words in line and "Correct it" in line, line
            assert (given[each.name] in line) is not each.type.secret, line


def test_a_short_key_is_refused_in_production_by_its_length_alone() -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY has a key of 9 characters") as refused:
        load({"ENVIRONMENT": "production", "SECRET_KEY": f"{'x' * 32},tooshort!"})
    assert "tooshort" not in str(refused.value)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
def test_a_default_reads_as_it_is_written(setting: Setting) -> None:
    written = default_of(setting)
    assert not written or getattr(load({setting.name: written}), setting.field) == getattr(load({}), setting.field)
