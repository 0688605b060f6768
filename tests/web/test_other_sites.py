"""Pages of other sites that call the API: those of CORS_ORIGINS, and nobody else."""

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from holdgate.core.config import ConfigError, Settings, load
from holdgate.core.db import Database
from tests.factories.programs import V1, api_of

OURS, OTHERS = "https://app.example.com", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def allowed(answer: httpx.Response) -> object:
    return answer.headers.get("access-control-allow-origin")


async def test_only_pages_of_named_origins_may_call_the_api(
    settings: Settings, database: Database, redis: Redis
) -> None:
    settings = msgspec.structs.replace(settings, cors_origins=(OURS,))
    async with api_of(settings, database, redis) as api:
        program = await api.program()
        nobody = await api.client()
        asked = await nobody.options(f"{V1}/tasks", headers={**PREFLIGHT, "Origin": OURS})
        assert (asked.status_code, allowed(asked)) == (204, OURS)
        assert "authorization" in asked.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in asked.headers, "a page acts by its token, never by our cookies"
        made = await program.post(
            f"{V1}/tasks", json={"kind": "sample.task"}, headers={"Origin": OURS, "Sec-Fetch-Site": "cross-site"}
        )
        assert (made.status_code, allowed(made)) == (201, OURS)
        assert made.headers["x-content-type-options"] == "nosniff"
        refused = await nobody.get(f"{V1}/tasks", headers={"Origin": OURS})
        assert (refused.status_code, allowed(refused)) == (401, OURS), "a page can read why it was refused"
        for path, origin in ((f"{V1}/tasks", OTHERS), ("/login", OURS)):
            answer = await nobody.options(path, headers={**PREFLIGHT, "Origin": origin})
            assert allowed(answer) is None


async def test_without_the_setting_no_page_may(settings: Settings, database: Database, redis: Redis) -> None:
    async with api_of(settings, database, redis) as api:
        answer = await (await api.program()).get(f"{V1}/tasks", headers={"Origin": OURS})
    assert allowed(answer) is None


@pytest.mark.parametrize("text", ["*", "app.example.com", "https://app.example.com/path", "ftp://x.example"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="CORS_ORIGINS"):
        load({"CORS_ORIGINS": text})


def test_origins_are_read_as_browsers_write_them() -> None:
    assert load({"CORS_ORIGINS": "https://App.example.com/, http://localhost:3000"}).cors_origins == (
        "https://app.example.com",
        "http://localhost:3000",
    )
