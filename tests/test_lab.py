"""The chapters' live parts in a real JupyterLab.

The sampler answers Enter, and the loss plot moves while a model trains.
"""
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

ASK = """
import feste
from feste.widgets import Sampler
model = feste.load("tiny")
Sampler(model.stream, [])
"""
TRAIN = """
import tempfile
from feste import data, runs, training
from feste.plots import LivePlot
settings = training.Settings(model.cfg, steps=200, log_every=5, eval_every=50, eval_tokens=1024)
run = runs.create_run(tempfile.mkdtemp() + "/run", settings, data.load(), model.tokenizer)
run.train(sinks=[LivePlot(every=0.2)], progress=False);
"""
KERNEL = dict(kernelspec=dict(name="python3", display_name="Python 3", language="python"))
CHANGED = """old => {
  const text = document.querySelector('.feste-answer').textContent;
  return text.length > 40 && text !== old;
}"""


@pytest.fixture
def lab(tmp_path):
    "A JupyterLab on a free port of this machine, serving one notebook."
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (ASK, TRAIN)]
    nb = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(nb, tmp_path / "live.ipynb")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    home = tmp_path / "home"
    home.mkdir()
    own = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    env = os.environ | dict.fromkeys(own, str(home))
    command = [
        shutil.which("jupyter", path=Path(sys.executable).parent), "lab", "--no-browser",
        "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=test",
        f"--ServerApp.root_dir={tmp_path}", "--LabApp.news_url=None"]
    address = f"http://127.0.0.1:{port}"
    with (open(tmp_path / "lab.log", "w") as log,
          subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log) as server):
        try:
            for _ in range(120):
                try: urllib.request.urlopen(f"{address}/api?token=test", timeout=5).close()
                except OSError: time.sleep(0.5)
                else: break
            else:
                log = (tmp_path / "lab.log").read_text()
                pytest.fail("JupyterLab did not start: " + log[-2000:])
            yield f"{address}/lab/tree/live.ipynb?token=test&reset"
        finally: server.terminate()


def test_sampler_and_live_plot(lab, browser):
    context = browser.new_context(viewport=dict(width=1200, height=1600))
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(lab)
    page.locator(".jp-Notebook").wait_for()
    page.get_by_text("| Idle").first.wait_for()          # the kernel is there
    run_cell = lambda: page.keyboard.press("Shift+Enter")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    run_cell()

    sampler = page.locator(".feste-sampler")
    prompt, answer = sampler.locator("textarea"), sampler.locator(".feste-answer")
    prompt.fill("KING:\n")
    prompt.press("Enter")
    page.wait_for_function("document.querySelector('.feste-answer').textContent.length > 40")
    sampler.get_by_role("button", name="Generate").wait_for()
    first = answer.inner_text()
    assert first.startswith("KING:")
    sampler.locator("input[name=seed]").fill("2")
    sampler.get_by_role("button").click()
    page.wait_for_function(CHANGED, arg=answer.evaluate("e => e.textContent"))
    sampler.get_by_role("button", name="Generate").wait_for()
    assert answer.inner_text() != first

    page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    run_cell()
    figure, seen = page.locator("figure.feste-figure svg"), []
    figure.wait_for()
    while not seen or not seen[-1].endswith("at step 200."):
        label = figure.get_attribute("aria-label")
        if label not in seen: seen.append(label)
        page.wait_for_timeout(50)
    assert figure.count() == 1 and len(seen) >= 3, seen     # one figure, redrawn in place
    context.close()
