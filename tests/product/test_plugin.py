"""The pytest plugin in the project of somebody who writes kinds: their own package, their own tests, the wheel."""

import os
from pathlib import Path

import pytest

from holdgate.testing import BlockingTester, KindTester
from tests import wheels
from tests.docs.pages import blocks
from tests.wheels import outcomes, run_tests

MORE_TESTS = """
import pytest
from holdgate import TaskRequest, enqueue
from holdgate.core.db import Database
from holdgate.testing import AssertEnqueued, BlockingTester, KindTester

from app.refunds import PayRefund


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_by_another_plugin(tester: KindTester, assert_enqueued: AssertEnqueued) -> None:
    task = await tester.enqueue("refund.tell", {"order": "A9"})
    assert_enqueued("refund.tell", PayRefund("A9"), count=0), "its own type is compared with all its values"
    assert await tester.run(task) == "succeeded"
    assert len(assert_enqueued("refund.tell", queue="default")) == 1, "the tables are emptied before each test"


@pytest.mark.asyncio
async def test_inline_in_async_code(inline: None, tester: KindTester, holdgate_url: str) -> None:
    database = Database(holdgate_url.replace("postgresql", "postgresql+asyncpg", 1), name="product")
    async with database.write("system") as session:
        task = await enqueue(session, TaskRequest(kind="refund.tell", payload=PayRefund("C1")))
        assert (await tester.drain()) == [], "not before it has committed"
    assert await tester.result(task) == "told C1"
    await database.dispose()


def test_it_tells_what_is_there(blocking_tester: BlockingTester, assert_enqueued: AssertEnqueued) -> None:
    blocking_tester.enqueue("refund.tell", {"order": "D4"})
    assert_enqueued("refund.tell", {"order": "D5"})
"""
[REFUNDS, TESTS] = [each.text for each in blocks() if each.page == "docs/testing.md" and each.language == "python"]
FILES = {
    "pyproject.toml": '[tool.holdgate]\nkinds = ["app.refunds"]\n[tool.pytest.ini_options]\npythonpath = ["."]\n',
    "app/__init__.py": "",
    "app/refunds.py": REFUNDS,
    "tests/test_refunds.py": TESTS,
    "tests/test_more.py": MORE_TESTS,
}


@pytest.fixture(scope="module")
def product(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("product")
    wheels.install(wheel, folder, FILES)
    return folder


def test_a_product_tests_its_kinds_on_an_embedded_server_in_parallel(product: Path) -> None:
    said = run_tests(product, "-n", "2")
    found = outcomes(said)
    assert found.pop("test_it_tells_what_is_there") == "FAILED", said
    assert list(found.values()) == ["PASSED"] * 5, said
    assert "refund.tell {'order': 'D4'} (queued)" in said
    assert "Task was destroyed" not in said and "never awaited" not in said


def test_it_tests_them_on_a_server_of_its_own(product: Path) -> None:
    said = run_tests(
        product, "-k", "without_async or waits", HOLDGATE_TEST_DATABASE_URL=os.environ["HOLDGATE_TEST_DATABASE"]
    )
    assert list(outcomes(said).values()) == ["PASSED"] * 2, said


def test_the_plain_tester_has_every_method_of_the_tester() -> None:
    public = {name for name in vars(KindTester) if not name.startswith("_")} - {"close"}
    assert public == {name for name in vars(BlockingTester) if not name.startswith("_")}
