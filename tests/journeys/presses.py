"""How often a person presses something: told by a listener in each page, and what the docs promise of it."""

import re
from pathlib import Path
from typing import Any, Self

from playwright.async_api import Page

TABLE = Path(__file__).parents[2] / "docs" / "tour.md"
MODIFIERS = ("Alt", "Control", "Meta", "Shift")

LISTEN = """() => {
  const tell = (event) => event.isTrusted && !event.repeat && window.tellPress(event.type, event.key ?? '');
  for (const type of ['pointerdown', 'keydown']) addEventListener(type, tell, true);
}"""


class Presses:
    """Those of one page, from `of` on: taps and clicks, keys, and pages that were loaded."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.reset()
        page.on("domcontentloaded", self._loaded)

    def reset(self) -> None:
        self._clicks = self._keys = self._loads = 0

    @classmethod
    async def of(cls, page: Page) -> Self:
        """Of what the page shows next."""
        made = cls(page)
        await page.expose_binding("tellPress", made._pressed)
        await page.add_init_script(f"({LISTEN})()")
        return made

    def _pressed(self, _source: Any, type: str, key: str) -> None:
        self._clicks += type == "pointerdown"
        self._keys += type == "keydown" and key not in MODIFIERS

    def _loaded(self, _page: Page) -> None:
        self._loads += 1

    async def counted(self) -> tuple[int, int, int]:
        """Clicks, keys, loads: once what the page has said before has been heard."""
        await self._page.evaluate("0")
        return self._clicks, self._keys, self._loads


def promised(journey: str) -> int:
    """The number that the docs give for it."""
    [row] = [line for line in TABLE.read_text().splitlines() if line.startswith(f"| {journey} |")]
    number = re.match(r"\d+", row.rstrip("| ").rpartition("|")[2].strip())
    assert number, row
    return int(number[0])
