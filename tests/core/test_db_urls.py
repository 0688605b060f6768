"""How the URLs of managed servers reach the drivers: TLS, certificates, names that libpq knows."""

import ssl
from pathlib import Path

import pytest
from asyncpg import connect_utils
from redis.asyncio import Redis, SSLConnection

from holdgate.core.config import ConfigError, load
from holdgate.core.postgres.connections import connection_string

CA = Path(__file__).parents[1] / "mail" / "localhost.pem"


def read_by_the_driver(url: str):  # type: ignore[no-untyped-def]
    """What asyncpg makes of DATABASE_URL: (addresses, parameters)."""
    dsn = connection_string(load({"DATABASE_URL": url}).database_url)
    absent = "host port user password passfile service servicefile database ssl direct_tls server_settings"
    given = dict.fromkeys([*absent.split(), "target_session_attrs", "krbsrvname", "gsslib"])
    return connect_utils._parse_connect_dsn_and_args(dsn=dsn, **given)


def test_verify_full_checks_the_certificate_and_the_name_by_the_given_ca() -> None:
    addresses, told = read_by_the_driver(
        f"postgres://ann:s%40cret@db.example.com:6543/holdgate?sslmode=verify-full&sslrootcert={CA}"
    )
    assert addresses == [("db.example.com", 6543)]
    assert (told.user, told.password, told.database) == ("ann", "s@cret", "holdgate")
    assert told.ssl.verify_mode is ssl.CERT_REQUIRED and told.ssl.check_hostname
    assert told.ssl.cert_store_stats()["x509"] == 1
    assert not told.server_settings


@pytest.mark.parametrize("name", ["sslmode", "ssl"])
def test_require_encrypts_without_checking(name: str) -> None:
    _, told = read_by_the_driver(f"postgresql://h/d?{name}=require")
    assert told.ssl.verify_mode is ssl.CERT_NONE
    assert told.sslmode is connect_utils.SSLMode.require


def test_what_only_libpq_knows_does_not_reach_the_server_as_a_setting() -> None:
    _, told = read_by_the_driver("postgresql://h/d?sslmode=require&connect_timeout=10&channel_binding=prefer")
    assert not told.server_settings


def test_a_server_that_may_write_is_chosen_among_several() -> None:
    addresses, told = read_by_the_driver("postgresql://u@/d?host=one,two&port=5432,5433&target_session_attrs=primary")
    assert addresses == [("one", 5432), ("two", 5433)]
    assert told.target_session_attrs is connect_utils.SessionAttribute.primary


def test_several_hosts_may_stand_before_the_path() -> None:
    url = "postgresql://u:s@one:5432,two:5433/d"
    addresses, _ = read_by_the_driver(url)
    assert addresses == [("one", 5432), ("two", 5433)]
    scope = load({"DATABASE_URL": url}).doorbell_scope
    assert scope != load({"DATABASE_URL": url.replace("two", "three")}).doorbell_scope
    assert scope == load({"DATABASE_URL": url.replace("u:s", "other")}).doorbell_scope, "a password may change"


def test_channel_binding_that_cannot_be_kept_to_is_refused() -> None:
    with pytest.raises(ConfigError, match="channel_binding"):
        load({"DATABASE_URL": "postgresql://u:secret@h/d?sslmode=require&channel_binding=require"})


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_redis_over_tls_checks_the_certificate(scheme: str) -> None:
    settings = load({"REDIS_URL": f"{scheme}://:pw@cache.example.com:6380/2?ssl_ca_certs={CA}"})
    pool = Redis.from_url(settings.redis_url).connection_pool
    assert pool.connection_class is SSLConnection
    made = pool.make_connection()
    assert (made.host, made.port, made.db) == ("cache.example.com", 6380, 2)
    assert made.ssl_context.cert_reqs is ssl.CERT_REQUIRED
    assert made.ssl_context.ca_certs == str(CA)
