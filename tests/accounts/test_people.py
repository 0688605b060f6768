"""/admin/users, and what the operator's commands use."""

import asyncio
import re

import pytest

from holdgate.accounts import service
from holdgate.accounts.errors import LastAdmin
from holdgate.accounts.models import User
from holdgate.core.ids import uuid7
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from tests.elements import elements, texts
from tests.factories.accounts import World
from tests.factories.people import is_empty

ADMIN = "admin@example.com"


async def test_only_administrators_see_the_list(world: World) -> None:
    await world.add("ada@example.com")
    browser = await world.sign_in("ada@example.com")
    assert (await browser.get("/admin/users")).status_code == 403
    assert (await browser.post("/admin/users", {"email": "x@example.com"})).status_code == 403
    signed_out = await world.browser()
    assert (await signed_out.get("/admin/users")).headers["location"] == "/login?next=%2Fadmin%2Fusers"


async def test_an_administrator_adds_somebody_who_can_then_sign_in(world: World) -> None:
    await world.add(ADMIN, admin=True)
    admin = await world.sign_in(ADMIN)
    await admin.get("/admin/users")
    answer = await admin.post("/admin/users", {"email": "new@example.com", "name": "New", "role": "member"})
    assert answer.status_code == 303
    page = await admin.get("/admin/users")
    assert "new@example.com" in texts(page, data_level="success")[0]
    asking = await world.browser()
    await asking.ask("NEW@example.com")
    assert (await asking.press(await world.token())).status_code == 303


async def test_who_is_added_is_invited_by_mail_if_wanted_and_the_choice_is_kept_over_a_mistake(world: World) -> None:
    await world.add(ADMIN, admin=True)
    admin = await world.sign_in(ADMIN)
    told = len(await world.mails())
    refused = await admin.post("/admin/users", {"email": "nobody", "name": "New & old", "role": "admin"})
    assert elements(refused, "input", name="name", value="New & old")
    assert not re.search(r'name="invite"[^>]* checked', refused.text)
    assert re.search(r'name="invite"[^>]* checked', (await admin.get("/admin/users")).text)
    await admin.post("/admin/users", {"email": "quiet@example.com", "role": "member"})
    await admin.post("/admin/users", {"email": "new@example.com", "role": "admin", "invite": "true"})
    [mail] = (await world.mails())[told:]
    assert (mail["template"], mail["to"], mail["data"]["by"]) == ("invitation", "new@example.com", ADMIN)
    async with world.database.write("system") as session:
        values = await find_letter("invitation").prepare(
            session, letter_data("invitation", mail["data"]), world.settings
        )
    message = render("invitation", values, to="new@example.com", task_id=uuid7(), settings=world.settings)
    assert message["Subject"] == f"{ADMIN} invited you to Holdgate"
    for kind in ("plain", "html"):
        text = message.get_body((kind,)).get_content()  # type: ignore[union-attr]
        assert "as an administrator" in text
        assert f"{world.settings.base_url}/login" in text
    await world.sql("UPDATE users SET disabled_at = now() WHERE email = 'new@example.com' RETURNING id")
    async with world.database.write("system") as session:
        with pytest.raises(NotNeeded):
            await find_letter("invitation").prepare(session, letter_data("invitation", mail["data"]), world.settings)


async def test_adding_with_a_mistake_shows_the_form_again(world: World) -> None:
    await world.add(ADMIN, admin=True)
    admin = await world.sign_in(ADMIN)
    for data in ({"email": "nobody", "role": "member"}, {"email": "a@example.com", "role": "owner"}):
        answer = await admin.post("/admin/users", data)
        assert answer.status_code == 422
        assert "field-error" in answer.text
    assert await world.sql("SELECT count(*) FROM users") == [(1,)]


async def test_disabling_signs_somebody_out_and_enabling_lets_them_in_again(world: World) -> None:
    await world.add(ADMIN, admin=True)
    ada = await world.add("ada@example.com")
    admin, browser = await world.sign_in(ADMIN), await world.sign_in("ada@example.com")
    assert (await admin.post(f"/admin/users/{ada.id}/disable")).status_code == 303
    assert not await browser.signed_in()
    assert "Disabled" in (await admin.get("/admin/users")).text
    await (await world.browser()).ask("ada@example.com")
    assert await world.mails() == []
    assert (await admin.post(f"/admin/users/{ada.id}/enable")).status_code == 303
    await world.sign_in("ada@example.com")


async def test_a_role_changes_at_once(world: World) -> None:
    await world.add(ADMIN, admin=True)
    ada = await world.add("ada@example.com")
    admin, browser = await world.sign_in(ADMIN), await world.sign_in("ada@example.com")
    assert (await admin.post(f"/admin/users/{ada.id}/role", {"role": "admin"})).status_code == 303
    assert (await browser.get("/admin/users")).status_code == 200
    assert (await admin.post(f"/admin/users/{ada.id}/role", {"role": "emperor"})).status_code == 422


async def test_the_last_administrator_stays_one(world: World) -> None:
    root = await world.add(ADMIN, admin=True)
    gone = await world.add("gone@example.com", admin=True)
    admin = await world.sign_in(ADMIN)
    assert (await admin.post(f"/admin/users/{gone.id}/disable")).status_code == 303
    for path, data in ((f"/admin/users/{root.id}/disable", {}), (f"/admin/users/{root.id}/role", {"role": "member"})):
        answer = await admin.post(path, data)
        assert answer.status_code == 409
        assert "last administrator" in answer.text
    assert (await admin.get("/admin/users")).status_code == 200


async def test_two_administrators_cannot_remove_each_other_at_the_same_moment(world: World) -> None:
    first, second = await world.add("a@example.com", admin=True), await world.add("b@example.com", admin=True)

    async def demote(user: User) -> bool:
        try:
            async with world.database.write("system") as session:
                await service.change_role(session, user.id, "member")
        except LastAdmin:
            return False
        return True

    assert sorted(await asyncio.gather(demote(first), demote(second))) == [False, True]


async def test_adding_somebody_again_changes_nothing_but_may_promote(world: World) -> None:
    first = await world.add("Ada@Example.com", admin=True)
    again = await world.add("ada@example.com")
    assert (again.id, again.role, again.email) == (first.id, "admin", "ada@example.com")


async def test_the_list_is_searched_and_paged_by_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdgate.accounts.pages import people

    monkeypatch.setattr(people, "PAGE_SIZE", 2)
    await world.add(ADMIN, admin=True)
    for name in ("bea", "cleo", "dan"):
        await world.add(f"{name}@example.com")
    admin = await world.sign_in(ADMIN)
    first = (await admin.get("/admin/users")).text
    assert "bea@example.com" in first
    assert "cleo@example.com" not in first
    second = (await admin.get("/admin/users?after=bea@example.com")).text
    assert "dan@example.com" in second
    found = (await admin.get("/admin/users?q=CLEO")).text
    assert "cleo@example.com" in found
    assert "dan@example.com" not in found
    assert is_empty(await admin.get("/admin/users?q=100%25"))
