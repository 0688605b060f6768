"""JWTs of an identity provider: which are valid, whose they are; rotation and outage lose no valid request."""

import asyncio
import time
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from redis.asyncio import Redis

from holdgate.accounts.tokens.jwks import Jwks, usable
from holdgate.core.config import ConfigError, Settings, load
from holdgate.core.db import Database
from holdgate.core.errors import Unavailable
from tests.factories.programs import ADMIN, OWNER, V1, Api, api_of, is_problem

ISSUER, AUDIENCE = "https://id.example.org", "holdgate"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ALGORITHMS: dict[str, tuple[Any, Any]] = {
    "RS256": (RSA, jwt.algorithms.RSAAlgorithm),
    "ES256": (EC, jwt.algorithms.ECAlgorithm),
    "EdDSA": (ED, jwt.algorithms.OKPAlgorithm),
}


def public(kid: str, algorithm: str = "ES256", key: Any = None) -> dict[str, Any]:
    private, kind = ALGORITHMS[algorithm]
    made: dict[str, Any] = kind.to_jwk((key or private).public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm}


class Provider:
    """An identity provider whose keys can change and which can be away."""

    def __init__(self, *kids: str) -> None:
        self.keys = [public(kid) for kid in kids]
        self.away = False
        self.asked = 0

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.away:
            raise OSError("away")
        return msgspec.json.encode({"keys": self.keys})


def signed(
    kid: str | None = "one", algorithm: str = "ES256", key: Any = None, header: Any = None, **claims: Any
) -> str:
    """A token, valid unless `claims` (None: left out) say otherwise. Times are in seconds from now."""
    now = int(time.time())
    claims |= {name: now + claims[name] for name in ("exp", "iat", "nbf") if claims.get(name) is not None}
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "iat": now, "exp": now + 300, "scope": "tasks:read"}
    whole |= {"email": OWNER, "email_verified": True} | claims
    headers = ({} if kid is None else {"kid": kid}) | (header or {})
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, key or ALGORITHMS[algorithm][0], algorithm=algorithm, headers=headers)


@pytest.fixture
async def jwt_api(settings: Settings, database: Database, redis: Redis) -> Any:
    given = msgspec.structs.replace(
        settings, jwks_url="https://id.example.org/keys", jwt_issuer=ISSUER, jwt_audience=AUDIENCE, rate_limit_max=9999
    )
    async with api_of(given, database, redis) as api:
        await api.person(OWNER)
        yield api


def use(api: Api, provider: Provider, **times: float) -> None:
    api.site._app.state["jwks"] = Jwks(provider.fetch, **{"rest": 0.05, **times})


async def ask(api: Api, token: str) -> int:
    return (await (await api.client(token)).get(f"{V1}/tasks")).status_code


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
async def test_a_jwt_opens_what_its_scope_says(jwt_api: Api, algorithm: str) -> None:
    provider = Provider()
    provider.keys = [public("one", algorithm)]
    use(jwt_api, provider)
    program = await jwt_api.client(signed(algorithm=algorithm, scope="openid tasks:read"))
    assert (await program.get(f"{V1}/tasks")).status_code == 200
    is_problem(await program.post(f"{V1}/tasks", json={"kind": "sample.task"}), 403)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": -60},
        {"iat": 600},
        {"nbf": 600},
        {"iss": "https://evil.example.org"},
        {"aud": "another"},
        *({name: None} for name in ("exp", "iat", "sub", "iss", "aud")),
        {"email": "nobody@example.org"},
        {"email": OWNER, "email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": "no\u202ebody@example.org"},
        {"exp": 8 * 86_400},
        {"exp": 10**12},
        {"exp": 1e300},
        *({"header": {"typ": typ}} for typ in ("logout+jwt", "dpop+jwt", "secevent+jwt", "id+jwt", "JWE")),
        *({"typ": typ} for typ in ("ID", "Refresh", "Offline", "Logout", 7)),
        {"token_use": "id"},
        {"nonce": "n"},
        {"at_hash": "x"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ],
    ids=str,
)
async def test_a_jwt_with_claims_that_do_not_fit_is_refused(jwt_api: Api, claims: dict[str, Any]) -> None:
    use(jwt_api, Provider("one"))
    is_problem(await (await jwt_api.client(signed(**claims))).get(f"{V1}/tasks"), 401)


async def test_a_jwt_that_we_should_not_believe_is_refused(jwt_api: Api) -> None:
    use(jwt_api, Provider("one"))
    stranger = ec.generate_private_key(ec.SECP256R1())
    whole = jwt.decode(signed(), options={"verify_signature": False})
    none = jwt.encode(whole, "", algorithm="none", headers={"kid": "one"})
    shared = jwt.encode(whole, "x" * 40, algorithm="HS256", headers={"kid": "one"})
    crossed = signed(algorithm="EdDSA")  # our key's id, another algorithm
    for token in (signed(key=stranger), none, shared, crossed, signed()[:-6] + "AAAAAA", "x" * 20_000):
        assert await ask(jwt_api, token) == 401, token[:40]


@pytest.mark.parametrize(
    "claims",
    [
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "application/AT+JWT"}},
        {"header": {"typ": None}},
        {"typ": "Bearer", "token_use": "access"},
        {"exp": 7 * 86_400},
        {"email": "OWNER@exam\u00adple。org"},
    ],
    ids=str,
)
async def test_what_providers_write_into_access_tokens_is_taken(jwt_api: Api, claims: dict[str, Any]) -> None:
    use(jwt_api, Provider("one"))
    assert await ask(jwt_api, signed(**claims)) == 200


async def test_an_address_that_is_not_verified_is_not_passed_over_for_the_subject(jwt_api: Api) -> None:
    use(jwt_api, Provider("one"))
    person = await jwt_api.person(OWNER)
    for verified in (False, None, "true"):
        token = signed(sub=str(person.id), email="eve@example.org", email_verified=verified)
        assert await ask(jwt_api, token) == 401, verified


async def test_without_an_address_the_subject_may_be_the_persons_id(jwt_api: Api) -> None:
    use(jwt_api, Provider("one"))
    person = await jwt_api.person(OWNER)
    assert await ask(jwt_api, signed(sub=str(person.id), email=None)) == 200
    assert await ask(jwt_api, signed(sub=str(UUID(int=7)), email=None)) == 401


async def test_the_scope_admin_makes_nobody_an_administrator(jwt_api: Api) -> None:
    use(jwt_api, Provider("one"))
    await jwt_api.person(ADMIN, admin=True)
    owners = await (await jwt_api.program(OWNER)).post(f"{V1}/tasks", json={"kind": "sample.task"})
    path = owners.json()["url"]
    for email, scope, status in ((ADMIN, "admin", 200), (ADMIN, "tasks:read", 404), ("b@example.org", "admin", 403)):
        await jwt_api.person("b@example.org")
        program = await jwt_api.client(signed(email=email, scope=scope))
        assert (await program.get(path)).status_code == status, (email, scope)


async def test_a_person_who_is_shut_out_stays_out(jwt_api: Api) -> None:
    use(jwt_api, Provider("one"))
    await jwt_api.sql("UPDATE users SET disabled_at = now()")
    assert await ask(jwt_api, signed()) == 401


async def test_a_rotation_loses_no_valid_request(jwt_api: Api) -> None:
    provider = Provider("one")
    use(jwt_api, provider)
    assert await ask(jwt_api, signed("one")) == 200
    new = ec.generate_private_key(ec.SECP256R1())
    provider.keys.append(public("two", key=new))
    statuses = await asyncio.gather(
        *(ask(jwt_api, signed("one")) for _ in range(5)), *(ask(jwt_api, signed("two", key=new)) for _ in range(15))
    )
    assert statuses == [200] * 20
    assert provider.asked == 2
    provider.keys.pop(0)
    assert await ask(jwt_api, signed("two", key=new)) == 200


async def test_forged_ids_neither_flood_the_provider_nor_stop_a_rotation(jwt_api: Api) -> None:
    provider = Provider("one")
    use(jwt_api, provider, rest=0.3)
    assert await ask(jwt_api, signed("one")) == 200
    forged = [asyncio.create_task(ask(jwt_api, signed(f"forged{n}"))) for n in range(30)]
    provider.keys.append(public("two"))
    assert await ask(jwt_api, signed("two")) == 200
    assert await asyncio.gather(*forged) == [401] * 30
    assert provider.asked <= 4


async def test_an_outage_loses_no_valid_request(jwt_api: Api) -> None:
    provider = Provider("one")
    use(jwt_api, provider, fresh=0.0)
    assert await ask(jwt_api, signed("one")) == 200
    provider.away = True
    assert [await ask(jwt_api, signed("one")) for _ in range(5)] == [200] * 5
    async with asyncio.timeout(5):
        while provider.asked < 2:
            await asyncio.sleep(0.01)
    assert await ask(jwt_api, signed("one")) == 200
    unknown = await (await jwt_api.client(signed("two"))).get(f"{V1}/tasks")
    is_problem(unknown, 503)
    assert int(unknown.headers["retry-after"]) >= 1
    provider.away = False
    provider.keys.append(public("two"))
    assert await ask(jwt_api, signed("two")) == 200


async def test_a_known_key_is_never_waited_for() -> None:
    gate = asyncio.Event()
    provider = Provider("one")

    async def slow() -> bytes:
        if provider.asked:
            await gate.wait()
        return await provider.fetch()

    keys = Jwks(slow, fresh=0.0, rest=0.0)
    assert await keys.key("one") is not None
    async with asyncio.timeout(1):
        for _ in range(10):
            assert await keys.key("one") is not None
    gate.set()


async def test_a_key_that_is_withdrawn_opens_nothing_after_the_renewal() -> None:
    provider = Provider("one", "two")
    keys = Jwks(provider.fetch, fresh=0.0, rest=0.0)
    assert await keys.key("one") is not None
    provider.keys = provider.keys[1:]
    async with asyncio.timeout(5):
        while await keys.key("two") and provider.asked < 2:
            await asyncio.sleep(0.01)
    assert await keys.key("one") is None


async def test_before_the_first_fetch_nobody_can_tell() -> None:
    provider = Provider("one")
    provider.away = True
    with pytest.raises(Unavailable):
        await Jwks(provider.fetch, rest=0.0).key("one")


def test_only_keys_that_our_algorithms_use_are_taken() -> None:
    keys = [
        public("a", "RS256"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        {**public("b"), "use": "enc"},
        {"kty": "EC", "crv": "P-521", "x": "!", "y": "!", "kid": "broken"},
        {"kid": "empty"},
    ]
    assert set(usable(msgspec.json.encode({"keys": keys}))) == {"a"}
    with pytest.raises(ValueError, match="no usable key"):
        usable(b'{"keys": []}')


async def test_private_addresses_are_not_asked_in_production(settings: Settings) -> None:
    from holdgate.accounts.tokens import jwks

    given = msgspec.structs.replace(settings, jwks_url="http://127.0.0.1:9/keys", allow_private_addresses=False)
    with pytest.raises(Unavailable):
        await jwks.of(given).key("one")


def test_a_jwks_url_needs_an_issuer_and_an_audience() -> None:
    with pytest.raises(ConfigError, match="JWT_ISSUER"):
        load({"JWKS_URL": "https://id.example.org/keys"})
