"""A real browser on a real Works. Whatever the browser complains of fails the test.

With SCREENSHOTS set to a folder (`make screenshots`) every page that is looked at is kept there as a picture.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.requires import requires
from tests.works.web.people import PASSWORD
from tests.works.web.town import Town, town

__all__ = ["town"]
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
PATIENCE_SECONDS = 15.0
OUR_OWN_DOING = "willReadFrequently"  # tests read the canvas back
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here carries the mark `browser`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    theme: str = "light"
    language: str = "en"
    width: int = 1440

    @property
    def name(self) -> str:
        """Part of a picture's file name."""
        return f"{self.theme}.{self.language}.{self.width}"


@dataclass
class Window:
    """A browser window, and what the browser complained of in it."""

    page: Page
    town: Town
    look: Look
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open an address of this Works."""
        self.page.goto(self.town.address + path)

    def sign_in(self, email: str = "bob@lakeside.example") -> None:
        """All the steps, as a person does them."""
        self.open("/sign-in")
        self.page.fill("#email", email)
        self.page.press("#email", "Enter")
        self.page.fill("#password", PASSWORD)
        self.page.press("#password", "Enter")
        self.page.wait_for_selector("#main h1")

    def wait_until(self, fact: str) -> None:
        """Wait until the JavaScript expression is true (our policy forbids the page itself to evaluate it)."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not self.page.evaluate(fact):
            assert time.monotonic() < ends, f"never came true: {fact}"
            self.page.wait_for_timeout(10)

    def inspect(self, name: str) -> None:
        """Nothing that axe finds, nothing to scroll sideways; kept as a picture when asked for."""
        self.page.wait_for_load_state("networkidle" if "sign-in" in self.page.url else "load")
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
        told = [(each["id"], [node["html"][:160] for node in each["nodes"]][:3]) for each in found]
        assert told == [], f"{name} ({self.look.name})"
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} ({self.look.name}) scrolls sideways by {wide}"
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.{self.look.name}.png", full_page=True)

    def note(self, message: ConsoleMessage) -> None:
        """Keep what the browser complains of: errors of scripts, refused by policy, missing files."""
        if message.type in {"error", "warning"} and OUR_OWN_DOING not in message.text:
            self.complaints.append(message.text)


class Windows:
    """Opens windows and closes them with the test."""

    def __init__(self, chromium: Chromium, town: Town) -> None:
        """Windows on this town's Works."""
        self._chromium, self._town = chromium, town
        self._opened: list[Window] = []
        self._stack = ExitStack()

    def open(self, look: Look | None = None) -> Window:
        """A window of its own, with its own cookies."""
        look = look or Look()
        size = {"width": look.width, "height": 900 if look.width > 900 else 844}
        context = self._chromium.new_context(viewport=size, reduced_motion="no-preference")  # type: ignore[arg-type]
        self._stack.callback(context.close)
        chosen = {"theme": look.theme, "language": look.language}
        context.add_cookies(
            [{"name": name, "value": value, "url": self._town.address} for name, value in chosen.items()]
        )
        window = Window(context.new_page(), self._town, look)
        window.page.set_default_timeout(PATIENCE_SECONDS * 1000)
        window.page.on("console", window.note)
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        self._opened.append(window)
        return window

    def close(self) -> list[str]:
        """Close all; what was complained of in any."""
        self._stack.close()
        return [complaint for window in self._opened for complaint in window.complaints]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """The system's Chromium, started once, and ended with these tests: Playwright keeps an event loop running."""
    program = requires("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def windows(chromium: Chromium, town: Town) -> Iterator[Windows]:
    """Windows in which the browser has nothing to complain of."""
    opened = Windows(chromium, town)
    yield opened
    assert opened.close() == []


@pytest.fixture
def window(windows: Windows) -> Window:
    """One window, light, English, wide."""
    return windows.open()
