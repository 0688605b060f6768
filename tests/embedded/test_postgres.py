"""The embedded PostgreSQL: real servers, ended with each test."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from holdgate.embedded import EmbeddedServerError, postgres
from tests.embedded.servers import endless_query, eventually, gone, postgres_pid, sql, starter


def test_the_first_start_answers_a_query_through_sqlalchemy(data_dir: Path) -> None:
    url = postgres.start(data_dir)

    async def version() -> object:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found = await connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
        await engine.dispose()
        return found

    assert asyncio.run(version()) == 18
    assert url == postgres.url(data_dir)
    assert postgres.running(data_dir)


def test_it_can_be_started_from_within_an_event_loop(data_dir: Path) -> None:
    async def start() -> str:
        return postgres.start(data_dir, fast=True)

    assert asyncio.run(start()) == postgres.url(data_dir)


def test_it_is_set_up_for_real_data_and_without_a_network_port(data_dir: Path) -> None:
    url = postgres.start(data_dir)
    expected = {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": "128MB",
        "max_connections": "200",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
    }
    assert {name: sql(url, f"SHOW {name}") for name in expected} == expected
    assert sql(url, "SELECT lower('ÄÉ')") == "äé"


def test_fast_gives_up_durability(data_dir: Path) -> None:
    assert sql(postgres.start(data_dir, fast=True), "SHOW fsync") == "off"


def test_its_files_are_private_and_ignored_by_git(data_dir: Path) -> None:
    url = postgres.start(data_dir, fast=True)
    sockets = Path(url.partition("host=")[2])
    assert {path.stat().st_mode & 0o777 for path in (data_dir, data_dir / "postgres", sockets)} == {0o700}
    assert (data_dir / "postgres.log").stat().st_mode & 0o077 == 0
    assert (data_dir / ".gitignore").read_text() == "*\n"
    assert data_dir.stat().st_uid == os.geteuid()


def test_a_directory_that_exists_gets_no_gitignore(data_dir: Path) -> None:
    data_dir.mkdir()
    postgres.start(data_dir, fast=True)
    assert not (data_dir / ".gitignore").exists()


def test_a_second_start_adopts_the_server(data_dir: Path) -> None:
    first = postgres.start(data_dir, fast=True)
    pid = postgres_pid(data_dir)
    assert postgres.start(data_dir, fast=True) == first
    assert postgres_pid(data_dir) == pid


def test_the_server_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(data_dir: Path) -> None:
    postgres.start(data_dir, fast=True)
    assert os.getsid(postgres_pid(data_dir)) != os.getsid(0)


def test_committed_data_survives_kill_9_of_the_server(data_dir: Path) -> None:
    url = postgres.start(data_dir)
    sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    killed = postgres_pid(data_dir)
    os.kill(killed, signal.SIGKILL)
    assert postgres.start(data_dir) == url
    assert postgres_pid(data_dir) != killed
    assert sql(url, "SELECT answer FROM kept") == 42


def test_a_query_that_outlives_its_killed_server_does_not_prevent_a_start(data_dir: Path) -> None:
    url = postgres.start(data_dir)
    with endless_query(url) as backend:
        os.kill(postgres_pid(data_dir), signal.SIGKILL)
        assert not gone(backend)
        assert sql(postgres.start(data_dir), "SELECT 1") == 1
        assert gone(backend)


def test_a_pid_file_that_names_a_stranger_does_not_prevent_a_start(data_dir: Path) -> None:
    url = postgres.start(data_dir)
    killed = postgres_pid(data_dir)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: gone(killed))
    record = data_dir / "postgres" / "postmaster.pid"
    _, *rest = record.read_text().splitlines()
    record.write_text("\n".join([str(os.getppid()), *rest, ""]))
    assert sql(postgres.start(data_dir), "SELECT 1") == 1
    assert url == postgres.url(data_dir)


def test_an_empty_pid_file_does_not_prevent_a_start(data_dir: Path) -> None:
    postgres.start(data_dir)
    os.kill(postgres_pid(data_dir), signal.SIGKILL)
    (data_dir / "postgres" / "postmaster.pid").write_text("")
    assert sql(postgres.start(data_dir), "SELECT 1") == 1


@pytest.mark.parametrize("moment", ["postgres.new-*", "postgres.new-*/base", "postgres", "postgres/postmaster.pid"])
def test_kill_9_of_the_starting_process_at_any_moment_is_recovered_from(data_dir: Path, moment: str) -> None:
    parent = starter("postgres", data_dir)
    eventually(lambda: any(data_dir.glob(moment)))
    parent.kill()
    parent.communicate()
    assert sql(postgres.start(data_dir), "SELECT 1") == 1


def test_what_an_interrupted_initdb_left_is_removed(data_dir: Path) -> None:
    (data_dir / "postgres.new-1" / "base").mkdir(parents=True)
    postgres.start(data_dir, fast=True)
    assert not list(data_dir.glob("postgres.new-*"))


def test_a_server_whose_starter_has_ended_is_adopted(data_dir: Path) -> None:
    url, _ = starter("postgres", data_dir).communicate()
    pid = postgres_pid(data_dir)
    assert postgres.start(data_dir) == url.strip()
    assert postgres_pid(data_dir) == pid


def test_concurrent_starts_make_one_server(data_dir: Path) -> None:
    parents = [starter("postgres", data_dir) for _ in range(4)]
    urls = {parent.communicate()[0].strip() for parent in parents}
    assert urls == {postgres.url(data_dir)}
    assert (data_dir / "postgres.log").read_text().count("ready to accept connections") == 1


def test_two_data_directories_do_not_meet(data_dir: Path, other_dir: Path) -> None:
    first, second = postgres.start(data_dir, fast=True), postgres.start(other_dir, fast=True)
    sql(first, "CREATE TABLE here ()")
    assert sql(second, "SELECT to_regclass('here')") is None
    postgres.stop(data_dir)
    assert postgres.running(other_dir)


def test_it_starts_below(awkward_dir: Path) -> None:
    url = postgres.start(awkward_dir, fast=True)
    assert sql(url, "SELECT 1") == 1
    assert len(url.partition("host=")[2] + "/.s.PGSQL.5432") < 100


def test_stop_twice_and_before_any_start(data_dir: Path) -> None:
    postgres.stop(data_dir)
    assert not data_dir.exists()
    url = postgres.start(data_dir, fast=True)
    postgres.stop(data_dir)
    assert not postgres.running(data_dir)
    assert not Path(url.partition("host=")[2]).exists()
    postgres.stop(data_dir)


def test_stop_does_not_wait_for_clients(data_dir: Path) -> None:
    url = postgres.start(data_dir, fast=True)
    with endless_query(url) as backend:
        postgres.stop(data_dir)
        assert gone(backend)


def test_stop_ends_a_server_that_does_not_listen_any_more(data_dir: Path) -> None:
    postgres.start(data_dir)
    pid = postgres_pid(data_dir)
    os.kill(pid, signal.SIGSTOP)
    postgres.stop(data_dir)
    assert gone(pid)


def test_a_server_that_lost_its_socket_is_replaced(data_dir: Path) -> None:
    url = postgres.start(data_dir)
    shutil.rmtree(url.partition("host=")[2])
    assert sql(postgres.start(data_dir), "SELECT 1") == 1


def test_a_dropped_database_comes_back(data_dir: Path) -> None:
    url = postgres.start(data_dir, fast=True)
    sql(url.replace("/holdgate?", "/postgres?"), "DROP DATABASE holdgate")
    assert sql(postgres.start(data_dir, fast=True), "SELECT 1") == 1


def test_a_moved_directory_is_not_started_twice(data_dir: Path, other_dir: Path) -> None:
    postgres.start(data_dir, fast=True)
    pid = postgres_pid(data_dir)
    data_dir.rename(other_dir)
    with pytest.raises(EmbeddedServerError, match=f"PID {pid}"):
        postgres.start(other_dir, fast=True)
    postgres.stop(other_dir)
    other_dir.rename(data_dir)
    assert postgres.start(data_dir, fast=True)
    assert postgres_pid(data_dir) == pid


def test_a_socket_directory_laid_out_by_somebody_else_is_refused(data_dir: Path, tmp_path: Path) -> None:
    sockets = Path(postgres.url(data_dir).partition("host=")[2])
    sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedServerError, match="Remove it"):
            postgres.start(data_dir, fast=True)
    finally:
        sockets.unlink()


def test_a_socket_directory_open_to_others_is_refused(data_dir: Path) -> None:
    sockets = Path(postgres.url(data_dir).partition("host=")[2])
    sockets.mkdir()
    sockets.chmod(0o777)
    with pytest.raises(EmbeddedServerError, match="Remove it"):
        postgres.start(data_dir, fast=True)


def test_data_of_another_version_is_refused(data_dir: Path) -> None:
    postgres.start(data_dir, fast=True)
    postgres.stop(data_dir)
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="from PostgreSQL 17"):
        postgres.start(data_dir, fast=True)


def test_a_failure_shows_the_end_of_the_log_and_what_to_do(data_dir: Path) -> None:
    postgres.start(data_dir, fast=True)
    postgres.stop(data_dir)
    with (data_dir / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("nonsense = 1\n")
    with pytest.raises(EmbeddedServerError, match=r'(?s)DATABASE_URL.*postgres.log.*"nonsense"'):
        postgres.start(data_dir, fast=True)


def test_a_data_directory_that_is_a_file_is_a_clear_error(data_dir: Path) -> None:
    data_dir.touch()
    with pytest.raises(EmbeddedServerError, match="Not a directory"):
        postgres.start(data_dir)
