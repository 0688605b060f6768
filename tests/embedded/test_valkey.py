"""The embedded Valkey: real servers, ended with each test."""

import os
import signal
from pathlib import Path

import pytest

from holdgate.embedded import EmbeddedServerError, valkey
from tests.embedded.servers import client, eventually, gone, starter, valkey_pid


def test_the_first_start_answers(data_dir: Path) -> None:
    url = valkey.start(data_dir)
    with client(url) as connection:
        assert connection.set("key", "value")
        assert connection.get("key") == "value"
    assert url == valkey.url(data_dir)
    assert valkey.running(data_dir)


def test_it_keeps_nothing_on_disk_and_has_no_network_port(data_dir: Path) -> None:
    with client(valkey.start(data_dir)) as connection:
        expected = {"port": "0", "save": "", "appendonly": "no"}
        assert {name: connection.config_get(name)[name] for name in expected} == expected


def test_its_files_are_private_and_ignored_by_git(data_dir: Path) -> None:
    sockets = Path(valkey.start(data_dir).removeprefix("unix://").partition("?")[0]).parent
    assert {path.stat().st_mode & 0o777 for path in (data_dir, data_dir / "valkey", sockets)} == {0o700}
    assert (data_dir / "valkey.log").stat().st_mode & 0o077 == 0
    assert (data_dir / ".gitignore").read_text() == "*\n"


def test_a_second_start_adopts_the_server(data_dir: Path) -> None:
    url = valkey.start(data_dir)
    pid = valkey_pid(url)
    assert valkey.start(data_dir) == url
    assert valkey_pid(url) == pid
    assert int((data_dir / "valkey" / "valkey.pid").read_text()) == pid


def test_the_server_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(data_dir: Path) -> None:
    assert os.getsid(valkey_pid(valkey.start(data_dir))) != os.getsid(0)


def test_kill_9_of_the_server_is_recovered_from(data_dir: Path) -> None:
    url = valkey.start(data_dir)
    killed = valkey_pid(url)
    os.kill(killed, signal.SIGKILL)
    assert valkey.start(data_dir) == url
    assert valkey_pid(url) != killed


def test_a_server_that_does_not_answer_is_replaced(data_dir: Path) -> None:
    url = valkey.start(data_dir)
    stopped = valkey_pid(url)
    os.kill(stopped, signal.SIGSTOP)
    valkey.start(data_dir)
    assert valkey_pid(url) != stopped
    assert gone(stopped)


def test_kill_9_of_the_starting_process_is_recovered_from(data_dir: Path) -> None:
    parent = starter("valkey", data_dir)
    eventually((data_dir / "valkey").exists)
    parent.kill()
    parent.communicate()
    assert valkey_pid(valkey.start(data_dir))
    assert len(valkey._Valkey(data_dir).processes()) == 1


def test_a_server_whose_starter_has_ended_is_adopted(data_dir: Path) -> None:
    url = starter("valkey", data_dir).communicate()[0].strip()
    pid = valkey_pid(url)
    assert valkey.start(data_dir) == url
    assert valkey_pid(url) == pid


def test_concurrent_starts_make_one_server(data_dir: Path) -> None:
    parents = [starter("valkey", data_dir) for _ in range(4)]
    urls = {parent.communicate()[0].strip() for parent in parents}
    assert urls == {valkey.url(data_dir)}
    assert (data_dir / "valkey.log").read_text().count("Ready to accept connections") == 1


def test_two_data_directories_do_not_meet(data_dir: Path, other_dir: Path) -> None:
    with client(valkey.start(data_dir)) as first, client(valkey.start(other_dir)) as second:
        first.set("here", 1)
        assert second.get("here") is None
    valkey.stop(data_dir)
    assert valkey.running(other_dir)


def test_it_starts_below(awkward_dir: Path) -> None:
    url = valkey.start(awkward_dir)
    assert valkey_pid(url)
    assert len(url.removeprefix("unix://").partition("?")[0]) < 100


def test_stop_twice_and_before_any_start(data_dir: Path) -> None:
    valkey.stop(data_dir)
    assert not data_dir.exists()
    valkey.start(data_dir)
    valkey.stop(data_dir)
    assert not valkey.running(data_dir)
    valkey.stop(data_dir)


def test_stop_ends_a_server_that_does_not_listen_any_more(data_dir: Path) -> None:
    pid = valkey_pid(valkey.start(data_dir))
    os.kill(pid, signal.SIGSTOP)
    valkey.stop(data_dir)
    assert gone(pid)


def test_a_socket_directory_laid_out_by_somebody_else_is_refused(data_dir: Path, tmp_path: Path) -> None:
    sockets = Path(valkey.url(data_dir).removeprefix("unix://").partition("?")[0]).parent
    sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedServerError, match="Remove it"):
            valkey.start(data_dir)
    finally:
        sockets.unlink()


def test_a_failure_shows_the_end_of_the_log_and_what_to_do(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "valkey").touch()
    with pytest.raises(EmbeddedServerError, match="REDIS_URL"):
        valkey.start(data_dir)
