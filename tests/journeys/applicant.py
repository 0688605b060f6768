"""Who applies in the journeys: a profile is the first thing they write."""

from playwright.async_api import Page, expect

from tests.careers.careers_site import PDF
from tests.journeys.conftest import Installation

ANN = "ann@example.org"


async def sign_in(installation: Installation, page: Page) -> None:
    await page.goto(f"{installation.base}/login")
    await page.get_by_label("Email address").fill(ANN)
    await page.locator("main form button[type=submit]").click()
    await page.goto(installation.link_in(await installation.mail_to(ANN, "sign-in")))
    await page.locator("main form button[type=submit]").click()
    await expect(page).to_have_url(f"{installation.base}/overview")


async def write_profile(installation: Installation, page: Page) -> None:
    await page.goto(f"{installation.base}/settings")
    await page.get_by_label("Name", exact=True).fill("Ann Applicant")
    await page.locator("#f-resume").set_input_files({"name": "ann.pdf", "mimeType": "application/pdf", "buffer": PDF})
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#profile").get_by_role("link", name="ann.pdf")).to_be_visible()
