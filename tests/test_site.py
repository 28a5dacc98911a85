"""The site builds without a warning, and shows in a browser what it should."""

import functools
import html.parser
import http.server
import pathlib
import shutil
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESK = 390, 1280

pytest.importorskip("sphinx", reason="the extra `docs` is not installed")


class _Page(html.parser.HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", ROOT / "docs", folder],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


def names_of(site):
    """All pages, as paths from the folder of the site."""
    return sorted(str(file.relative_to(site)) for file in site.rglob("*.html"))


def test_internal_links_lead_somewhere(site):
    pages = {name: _Page((site / name).read_text()) for name in names_of(site)}
    assert len(pages) > 30
    for name, page in pages.items():
        for link in page.links:
            if ":" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (site / name).parent / path if path else site / name
            assert target.exists(), (name, link)
            where = str(target.resolve().relative_to(site.resolve()))
            if anchor and where in pages:
                assert anchor in pages[where].anchors, (name, link)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="the extra `browser` is not installed"
    )
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(CHROMIUM)}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_page_shows(browser, site, address, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(60_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" else None
        ),
    )
    for name in names_of(site):
        page.goto(f"{address}/{name}")
        num_formulas = page.locator(".math").count()
        if num_formulas:
            page.wait_for_function("() => window.MathJax?.startup?.promise")
            page.evaluate("() => MathJax.startup.promise")
            assert page.locator("mjx-container").count() >= num_formulas, name
            assert page.locator("mjx-merror").count() == 0, name
        broken = page.evaluate(
            """async () => {
                const images = [...document.images];
                for (const image of images) image.loading = "eager";
                await Promise.all(images.map(image => image.decode().catch(() => {})));
                return images.filter(image => !image.naturalWidth).map(i => i.src);
            }"""
        )
        assert broken == [], name
        content = page.evaluate("() => document.documentElement.scrollWidth")
        assert content <= width, name
        assert errors == [], name
    page.close()


@pytest.mark.browser
def test_the_search_finds_a_function(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/search.html?q=mutual_information")
    results = page.locator("ul.search li")
    results.first.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    found = " ".join(results.all_inner_texts())
    assert "jaxinfo.gmm.mutual_information" in found
    page.close()
