"""A person who has only a keyboard: looks for something by Tab, sees at every stop where they are, and presses it."""

from typing import Any

from playwright.async_api import Page

MOST_STOPS = 200

# What has the focus: its name as a person would say it, and whether they can see that it has it.
HERE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at), place = at.getBoundingClientRect();
  const outlined = (each) => each.outlineStyle !== 'none' && parseFloat(each.outlineWidth) > 0;
  const ring = (each) => outlined(each) || each.boxShadow !== 'none';
  const labels = [...(at.labels ?? [])].map((label) => label.textContent).join(' ');
  const name = at.getAttribute('aria-label') || labels || at.textContent || '';
  const inView = place.bottom > 0 && place.right > 0 && place.top < innerHeight && place.left < innerWidth;
  const parent = at.closest('label, summary, .table-scroll, tr') ?? at;
  return {
    name: name.replace(/\\s+/g, ' ').trim(),
    tag: at.tagName.toLowerCase(),
    html: at.outerHTML.slice(0, 160),
    visible: place.width > 0 && place.height > 0 && inView && style.visibility === 'visible',
    ring: ring(style) || ring(getComputedStyle(parent)),
    inDialog: Boolean(at.closest('dialog')),
  };
}"""


class Keys:
    """`stops` are the names of all that had the focus, in order."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stops: list[str] = []

    async def here(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self.page.evaluate(HERE)
        return found

    async def press(self, *keys: str) -> None:
        # The address is the new page's before its scripts have run.
        await self.page.wait_for_load_state()
        for key in keys:
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def step(self, key: str = "Tab") -> dict[str, Any] | None:
        """One stop on; what has the focus can be seen, and that it has it."""
        await self.page.keyboard.press(key)
        at = await self.here()
        if at is not None:
            self.stops.append(at["name"])
            assert at["visible"], f"the focus is on something that is not to be seen: {at['html']}"
            assert at["ring"], f"nothing shows that this has the focus: {at['html']}"
        return at

    async def to(self, name: str, *, key: str = "Tab") -> None:
        """Tab until something whose name begins with `name` has the focus."""
        seen = len(self.stops)
        for _ in range(MOST_STOPS):
            at = await self.step(key)
            if at is not None and at["name"].startswith(name):
                return
        raise AssertionError(f"{name!r} is not reached by {key}; the stops were {self.stops[seen:]}")

    async def go(self, name: str, *, press: str = "Enter") -> None:
        """Look for it and press it."""
        await self.to(name)
        await self.press(press)
