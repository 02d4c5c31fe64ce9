"""What tests in a real browser share: headless Chromium, a page of a graph in it, and looks at what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from page_browser import PATIENCE, Page, open_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = "Failed to load resource"  # a node that has no picture yet is answered with 404 or 409, which the browser tells by itself
NO_CHROMIUM = "no Chromium here (Debian: apt-get install chromium)"

# Where pictures are drawn, the colour at a share of their width and height.
_COLOR = """(image, [x, y]) => {
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const [r, g, b] = context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data;
  return [r, g, b];
}"""


@dataclass
class View:
    """A page in the browser."""

    tab: Any  # playwright's Page
    page: Page
    graph: Path
    troubles: list[str] = field(default_factory=list)  # errors of the page, and requests that left this machine

    def card(self, node: str, more: str = "") -> Any:
        return self.tab.locator(f'.card[data-node="{node}"]{more}')

    def select(self, node: str) -> None:
        """Click a node's head."""
        self.card(node, " header").click()

    def field(self, param: str) -> Any:
        """The field of a parameter of the selected node."""
        return self.tab.locator(".params").get_by_label(param, exact=True)

    def socket(self, node: str, side: str, name: str) -> Any:
        return self.card(node, f' [data-handleid="{side}:{name}"]')

    def drag(self, one: Any, other: Any) -> None:
        """From the middle of an element to that of another one, in steps as a hand would."""
        start, end = one.bounding_box(), other.bounding_box()
        self.tab.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
        self.tab.mouse.down()
        self.tab.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=8)
        self.tab.mouse.up()

    def add(self, search: str) -> None:
        """Type into the list of nodes, which is open, and take the first one that is found."""
        self.tab.locator(".finder li").first.wait_for()
        self.tab.keyboard.type(search)
        self.tab.keyboard.press("Enter")
        self.tab.locator(".finder").wait_for(state="detached")

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until a JavaScript function of the page returns true."""
        self.tab.wait_for_function(condition, arg=argument, timeout=PATIENCE * 1000)

    def until_text(self, *parts: str) -> str:
        """Wait until the graph's file holds these parts; returns its text."""
        for _ in range(PATIENCE * 20):
            text = self.graph.read_text(encoding="utf-8")
            if all(part in text for part in parts):
                return text
            self.tab.wait_for_timeout(50)
        raise AssertionError(f"{parts} did not get into the file:\n{text}")

    def until_same(self, text: str) -> None:
        """Wait until the graph's file is this text."""
        for _ in range(PATIENCE * 20):
            if self.graph.read_text(encoding="utf-8") == text:
                return
            self.tab.wait_for_timeout(50)
        assert self.graph.read_text(encoding="utf-8") == text

    def until_color(self, pictures: str, at: tuple[float, float], color: tuple[int, int, int]) -> None:
        """Wait until a picture of the page has a colour at a share of its width and height."""
        seen: list[int] = []
        for _ in range(PATIENCE * 20):
            image = self.tab.query_selector(pictures)
            if image is not None and image.evaluate("image => image.complete && image.naturalWidth > 0"):
                seen = image.evaluate(_COLOR, list(at))
                if all(abs(one - other) <= 2 for one, other in zip(seen, color, strict=True)):
                    return
            self.tab.wait_for_timeout(50)
        raise AssertionError(f"{pictures} has the colour {seen}, not {color}")


SHARED: list[Any] = []  # the browser, once for each module of tests that has asked for it


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; tests are skipped where it is not installed.

    Each module that imports this has a fixture of its own, but playwright starts only once in a process: all share one browser.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    if not SHARED:
        made = playwright.sync_playwright().start()
        SHARED.append((made.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]), made.stop))
    else:
        SHARED.append(SHARED[0])
    browser, stop = SHARED[-1]
    yield browser
    SHARED.pop()
    if not SHARED:
        browser.close()
        stop()


@contextmanager
def view_of(
    chromium: Any, graph: Path, *, width: int = 1280, height: int = 800, theme: str = "dark", before: Callable[[Any], object] = id
) -> Iterator[View]:
    """The page of a graph at a size and in a theme; `before` gets the tab before it opens the page.

    Fails for errors of the page, and for requests to other hosts.
    """
    with open_page(graph, graph.parent) as page:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(PATIENCE * 1000)
        tab = context.new_page()
        view = View(tab, page, graph)
        tab.on("pageerror", lambda error: view.troubles.append(f"{error}\n{error.stack}"))
        tab.on("console", lambda said: view.troubles.append(said.text) if said.type == "error" and QUIET not in said.text else None)
        here = (f"http://127.0.0.1:{page.server.port}/", f"ws://127.0.0.1:{page.server.port}/", "blob:", "data:")
        tab.on("request", lambda asked: view.troubles.append(asked.url) if not asked.url.startswith(here) else None)
        try:
            before(tab)
            tab.goto(page.server.address)
            tab.wait_for_selector(".react-flow__viewport :is(.card, path)", state="attached")
            yield view
            assert not view.troubles
        finally:
            context.close()
