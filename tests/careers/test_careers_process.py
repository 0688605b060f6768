import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.careers.careers_site import PROJECT, Site


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        first = site.apply("lasting", "key-lasting")
        assert site.apply("flaky-lasting", "key-flaky").status_code == 503
        site.sign_in("ada@example.org")
        site.kill()

    with Site(tmp_path) as site:
        again = site.apply("lasting", "key-lasting")
        assert again.status_code == 200
        assert again.json() == first.json()
        assert [site.apply("flaky-lasting", "key-flaky").status_code for _ in range(2)] == [503, 201]
        assert site.apply("members-lasting").status_code == 201


def test_a_kill_amid_a_burst_loses_no_receipt(tmp_path: Path) -> None:
    answered: dict[str, str] = {}

    def send(number: int) -> None:
        key = f"key-{number}"
        response = site.apply("burst", key)
        answered[key] = response.json()["receipt"]
        if len(answered) == 30:
            site.process.kill()

    with Site(tmp_path) as site, ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, number) for number in range(200)]
        assert any(future.exception() for future in sent), "the kill came too late"
        assert len(answered) >= 30

    with Site(tmp_path) as site:
        recorded = {application["idempotency_key"]: application for application in site.received("burst")}
        assert {key: recorded[key]["receipt"] for key in answered} == answered


def test_one_key_sent_by_many_at_once_is_recorded_once(site: Site) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: site.apply("together", "key-together"), range(16)))

    assert sorted(response.status_code for response in responses) == [200] * 15 + [201]
    assert len({response.json()["receipt"] for response in responses}) == 1
    [recorded] = site.received("together")
    assert recorded["count_of_posts"] == 16


def test_it_stops_at_once_when_asked_to(own_site: Site) -> None:
    own_site.apply("stopping").raise_for_status()
    own_site.stop()

    assert own_site.process.returncode is not None


def test_it_listens_on_loopback_only(site: Site) -> None:
    assert site.url.startswith("http://127.0.0.1:")


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "sandbox.careers", "--port", port, "--data-dir", str(tmp_path)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30)

    assert done.returncode == 1
    assert done.stderr == f"careers: cannot listen on 127.0.0.1:{port}: Address already in use\n"
