"""Behind a company's proxy, with an authority of its own: tasks, webhooks, boards and object storage."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import select

from holdgate.core.config import ConfigError, Settings, load
from holdgate.core.db import Database
from holdgate.core.files import FilesAway, FileStore
from holdgate.core.ids import uuid7
from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import NotSent, PrivateAddress
from holdgate.core.network.proxies import proxy_for
from holdgate.postings.boards.fetching import fetch
from holdgate.tasks.models import Task
from holdgate.testing import KindTester
from holdgate.webhooks import service
from tests.company_network import Authority, Proxy, proxying
from tests.factories.approvals import principal
from tests.factories.webhooks import make_endpoint
from tests.kinds.odd_site import data, odd_site
from tests.tasks.s3_server import s3_server

HOST = "outside.invalid"
POSTINGS = """{"@context": "https://schema.org", "@type": "JobPosting", "title": "Thatcher",
    "hiringOrganization": {"name": "Reed"}, "url": "https://reed.example/7"}"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def behind(proxy: Proxy, settings: Settings, authority: Authority) -> Settings:
    """Private addresses are refused, as in production."""
    return msgspec.structs.replace(
        settings,
        https_proxy=proxy.url,
        http_proxy=proxy.url,
        ca_file=str(authority.file),
        allow_private_addresses=False,
    )


async def a_task_asks(database: Database, settings: Settings) -> None:
    async with KindTester(database, settings) as tester:
        assert await tester.run(await tester.enqueue("http.request", {"url": f"https://{HOST}/"})) == "succeeded"


async def a_webhook_is_delivered(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    endpoint, _ = await make_endpoint(database, settings, ann, f"https://{HOST}/hook")
    async with database.write(ann.actor) as session:
        await service.ping(session, ann, endpoint)
        task_id = (await session.execute(select(Task.id).where(Task.kind == "webhook.deliver"))).scalar_one()
    async with KindTester(database, settings) as tester:
        assert await tester.run(task_id) == "succeeded"


async def a_board_is_read(database: Database, settings: Settings) -> None:
    assert len((await fetch(settings, database, f"https://{HOST}/jobs.json")).parsed.rows) == 1


@pytest.mark.parametrize("use", [a_task_asks, a_webhook_is_delivered, a_board_is_read], ids=lambda use: use.__name__)
async def test_requests_go_through_the_proxy_and_trust_the_companys_authority(
    use: Callable[[Database, Settings], Awaitable[None]], authority: Authority, database: Database, settings: Settings
) -> None:
    async with odd_site(data(POSTINGS), tls=authority.server(HOST)) as site, proxying() as proxy:
        proxy.ports[HOST] = site.port
        await use(database, behind(proxy, settings, authority))
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
    assert len(site.asked) == 1


async def test_object_storage_goes_the_same_way(
    authority: Authority, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ENDPOINT_URL": f"https://{HOST}", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    stored = msgspec.structs.replace(settings, artifacts_url=f"s3://bucket/{uuid7()}")
    async with s3_server(tls=authority.server(HOST)) as server, proxying() as proxy:
        proxy.ports[HOST] = server.port
        store = FileStore(behind(proxy, stored, authority))
        await store.put("a", b"bytes")
        assert await store.read("a") == b"bytes"
        assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
        straight = msgspec.structs.replace(behind(proxy, stored, authority), no_proxy=".invalid")
        with pytest.raises(FilesAway):
            await FileStore(straight).put("a", b"bytes")
        assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
        unknown = msgspec.structs.replace(behind(proxy, stored, authority), ca_file="")
        with pytest.raises(FilesAway):
            await FileStore(unknown).put("b", b"bytes")
    assert len(server.objects) == 1


async def get(url: str, settings: Settings) -> httpx.Response:
    async with outgoing.client(settings) as http:
        return await http.get(url)


async def test_an_authority_that_nobody_named_is_not_trusted(authority: Authority, settings: Settings) -> None:
    async with odd_site(data("{}"), tls=authority.server(HOST)) as site, proxying() as proxy:
        proxy.ports[HOST] = site.port
        with pytest.raises(NotSent, match="certificate"):
            await get(f"https://{HOST}/", msgspec.structs.replace(behind(proxy, settings, authority), ca_file=""))
    assert site.asked == []


async def test_a_plain_request_is_handed_on_and_an_account_is_told_to_the_proxy_alone(
    authority: Authority, settings: Settings
) -> None:
    async with odd_site(data("{}")) as site, proxying(b64encode(b"ann:p w").decode()) as proxy:
        proxy.ports[HOST] = site.port
        reaching = behind(proxy, settings, authority)
        with pytest.raises(NotSent, match=r"by the proxy 127\.0\.0\.1:\d+: 407"):
            await get(f"https://{HOST}/", reaching)
        signed = msgspec.structs.replace(reaching, http_proxy=proxy.url.replace("//", "//ann:p%20w@"))
        assert (await get(f"http://{HOST}/a?b=c", signed)).status_code == 200
    assert site.lines == ["GET /a?b=c"]


@pytest.mark.parametrize("host", ["10.0.0.7", "[::ffff:10.0.0.1]", "0x0a000007", "169.254.169.254"])
async def test_what_is_known_to_be_private_is_refused_before_the_proxy_is_asked(
    authority: Authority, settings: Settings, host: str
) -> None:
    async with proxying() as proxy:
        with pytest.raises(PrivateAddress):
            await get(f"https://{host}/", behind(proxy, settings, authority))
    assert proxy.asked == []


async def test_a_proxy_that_is_away_is_named_and_nothing_was_sent(authority: Authority, settings: Settings) -> None:
    async with proxying() as proxy:
        reaching = behind(proxy, settings, authority)
        with pytest.raises(NotSent, match="403 Forbidden"):
            await get("https://forbidden.invalid/", reaching)
    away = msgspec.structs.replace(reaching, https_proxy="http://ann:s3cret@127.0.0.1:1")
    with pytest.raises(NotSent, match=r"by the proxy 127\.0\.0\.1:1") as refusal:
        await get(f"https://{HOST}/", away)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "by"),
    [
        ("https://example.org/", True),
        ("http://example.org/", False),
        ("https://localhost/", False),
        ("https://127.0.0.9/", False),
        ("https://[::1]/", False),
        ("https://corp.example/", False),
        ("https://a.corp.example:8443/", False),
        ("https://notcorp.example/", True),
        ("https://10.1.2.3/", False),
        ("https://11.1.2.3/", True),
    ],
)
def test_what_no_proxy_names_and_this_machine_are_reached_directly(url: str, by: bool) -> None:
    settings = Settings(https_proxy="http://proxy:3128", no_proxy="corp.example, 10.0.0.0/8")
    scheme, host = httpx.URL(url).scheme, httpx.URL(url).host
    assert bool(proxy_for(scheme, host, settings)) is by
    assert not proxy_for(scheme, host, msgspec.structs.replace(settings, no_proxy="*"))


def test_a_file_without_certificates_is_refused_at_the_start(authority: Authority, tmp_path: Path) -> None:
    assert load({"CA_FILE": str(authority.file)}).ca_file == str(authority.file)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----")
    for path in (tmp_path / "key.pem", tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match=r"CA_FILE .* a file of certificates"):
            load({"CA_FILE": str(path)})
