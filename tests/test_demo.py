"""Sample data: given once, however often `make run` starts, and on whichever port the careers site is."""

from holdgate.accounts import service as accounts
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import service
from sandbox.demo import fill
from tests.factories.postings import listed

SITES = ("http://127.0.0.1:8090", "http://127.0.0.1:8091", "http://127.0.0.1:8090")


async def test_the_sample_postings_follow_the_careers_site_to_another_port(database: Database) -> None:
    async with database.write("system") as session:
        user = await accounts.add_user(session, "admin@holdgate.localhost", admin=True)
    owner = Principal(user.id, user.email, user.name, "admin")
    ids: set[object] = set()
    for site in SITES:
        async with database.write("system") as session:
            await fill(session, user, site)
        found = await listed(database, owner)
        assert len(found) == 12
        ids |= {each.id for each in found}
        async with database.read() as session:
            views = [await service.load(session, each.id, owner.id) for each in found]
        assert all(view.url.startswith(f"{site}/") and view.apply_url.startswith(f"{site}/") for view in views)
        assert all(view.canonical_url.startswith(site.replace("http:", "https:")) for view in views)
    assert len(ids) == 12, "they are the same postings, with what has been done with them"
