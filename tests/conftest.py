import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "book" / "_build" / "html"
BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "msedge", "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)


def run(*command: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess:
    "A command's result with its output as text."
    return subprocess.run(command, cwd=cwd, env=os.environ | {"PYTHONUTF8": "1"} | env,
                          capture_output=True, text=True, encoding="utf-8", errors="replace")


@pytest.fixture(scope="session")
def book() -> Path:
    "The rendered book's folder, built now if anything changed."
    done = run(sys.executable, "book/build.py")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return HTML


@pytest.fixture(scope="session")
def server(book: Path):
    "The book on a free port of this machine."
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    serve = functools.partial(Quiet, directory=book)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, Chrome or Edge from this machine.

    Without one these tests are skipped, unless FESTE_BROWSER says that one must be there.
    """
    from playwright.sync_api import sync_playwright
    wanted = os.environ.get("FESTE_BROWSER")
    found = next((p for p in map(shutil.which, [wanted] if wanted else BROWSERS) if p), None)
    if not found and wanted:
        pytest.fail(f"FESTE_BROWSER={wanted} is not a program on this machine")
    if not found:
        pytest.skip("no browser found: install Chromium or Chrome, or set FESTE_BROWSER to "
                    "one, to read the book in it")
    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that records everything that should not happen.

    Console errors, exceptions, failed or foreign requests.
    """
    context = browser.new_context()
    page = context.new_page()
    page.troubles = []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "file:", "data:", "blob:")

    def note(text: str, wrong: bool = True):
        if wrong: page.troubles.append(text)

    page.on("console", lambda m: note(f"console {m.type}: {m.text}",
                                      m.type in ("error", "warning")))
    page.on("pageerror", lambda e: note(f"exception: {e}"))
    page.on("response", lambda r: note(f"{r.status}: {r.url}", r.status >= 400))
    page.on("request", lambda r: note(f"leaves this machine: {r.url}",
                                      not r.url.startswith(local)))
    yield page
    context.close()
