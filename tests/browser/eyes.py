"""A window as a person, a screen reader and the browser's own console see it."""

from __future__ import annotations

from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

GRAVE = frozenset({"serious", "critical"})
AXE = Axe()
# The text of what has the keyboard's focus: of a field its name, of the box that select2 draws the name of its field.
FOCUSED = """() => {
    const seen = document.activeElement;
    const named = seen.getAttribute('aria-label') || seen.name || '';
    const inner = seen.querySelector('[aria-label]');
    return `${seen.tagName} ${named} ${inner ? inner.getAttribute('aria-label') : ''} ${seen.textContent.trim()}`;
}"""


class Eyes:
    """`complaints`: errors and warnings of the console, refusals of the Content-Security-Policy among them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    @property
    def words(self) -> str:
        return " ".join(self.page.inner_text("body").split())

    def faults(self) -> list[str]:
        """What is wrong with the page as it stands, light and dark: of all rules only contrast knows the difference."""
        found = [*self.complaints, *self._sideways(), *self._barriers()]
        self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        dark = self._barriers({"type": "rule", "values": ["color-contrast"]})
        return found + [f"dark: {fault}" for fault in dark]

    def _sideways(self) -> list[str]:
        too_wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return [f"{too_wide} px wider than the window"] if too_wide > 0 else []

    def _barriers(self, rules: dict[str, object] | None = None) -> list[str]:
        only = {"runOnly": rules} if rules else {}
        found = AXE.run(self.page, options={"resultTypes": ["violations"], **only}).response["violations"]
        return [
            f"{rule['id']}: {node['html'][:160]}" for rule in found if rule["impact"] in GRAVE for node in rule["nodes"]
        ]

    # --- the keyboard alone -----------------------------------------------------------------------
    def tab_to(self, text: str, *, most: int = 80) -> None:
        """Press Tab until what has the focus says this."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if text in self.page.evaluate(FOCUSED):
                return
        raise AssertionError(f"{text!r} is not reached with {most} presses of Tab on {self.page.url}")

    def pass_menu(self) -> None:
        """By the link that every page begins with."""
        self.tab_to("Skip to main content", most=3)
        self.page.keyboard.press("Enter")

    def enter(self, text: str) -> None:
        """Go to a link or button and follow it."""
        self.tab_to(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def choose(self, field: str, option: str) -> None:
        """In a box that looks up what is typed."""
        self.tab_to(field)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".select2-search__field:focus")
        with self.page.expect_response(lambda answer: f"term={quote(option)}" in answer.url):
            self.page.keyboard.type(option)
        self.page.wait_for_selector(f".select2-results__option--highlighted:has-text('{option}')")
        self.page.keyboard.press("Enter")
