"""The dashboard in a browser: a run replayed, compared, watched; joined and as modules."""
import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT

from feste import records, widgets
from feste.files import add_lines, write_json

sys.path.insert(0, str(ROOT / "book" / "_ext"))
STATIC = ROOT / "feste" / "static"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A run</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>:root {{ color-scheme: light dark; }} body {{ margin: 8px; font-family: sans-serif; }}
pre {{ font-size: 13px; }} {style}</style></head><body><main><h1>A run</h1>{widget}</main>
{script}</body></html>"""
MODULES = """<script type="module">
import widget from "/static/dashboard.js";
const el = document.querySelector(".feste-widget"), told = {};
const state = JSON.parse(el.querySelector("script").textContent);
const model = {
  get: (name) => state[name], on: (event, f) => { told[event] = f; },
  off: (event) => { delete told[event]; },
};
window.tell = (now) => {
  Object.assign(state, now);
  for (const name of Object.keys(now)) told[`change:${name}`]?.();
};
window.end = widget.render({ model, el });
</script>"""


def script(kind: str) -> str:
    "What makes a page's widget work: the modules as they are, or as the book joins them."
    if kind == "modules": return MODULES
    import feste_book
    parts = feste_book.classic("dashboard", widgets.joined("dashboard"))
    return f"<script>{feste_book.HOST % parts}</script>"


def state(board: widgets.Dashboard) -> dict:
    "What travels with the page."
    return {"runs": board.runs, "series": board.series, "samples": board.samples}


@pytest.fixture
def site(tmp_path):
    "Pages of this test on a free port, beside the modules: give the dashboard, get an address."
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    shutil.copytree(STATIC, tmp_path / "site" / "static")

    def make(board: widgets.Dashboard, kind: str = "modules") -> str:
        style = (STATIC / "dashboard.css").read_text(encoding="utf-8")
        html = board._repr_mimebundle_()[0]["text/html"]
        page = PAGE.format(style=style, widget=html, script=script(kind))
        (tmp_path / "site" / f"{kind}.html").write_text(page, encoding="utf-8")
        return f"http://127.0.0.1:{httpd.server_port}/{kind}.html"

    serve = functools.partial(Quiet, directory=tmp_path / "site")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield make
        httpd.shutdown()


@pytest.fixture
def odd(tmp_path) -> Path:
    "A run with everything that a folder can hold, and text that looks like markup."
    folder = tmp_path / "odd"
    shutil.copytree(records.recording("tiny"), folder)
    events = [(0, "start", "it begins"), (700, "alert", "the loss rises <b>much</b>"),
              (1500, "failure", "no space left"), (1500, "resume", "")]
    add_lines(folder / "events.jsonl", [
        dict(time="2026-11-25T07:00:00+0000", step=s, event=e, message=m)
        for s, e, m in events])
    write_json(folder / "yardsticks.json", {"gzip": 3.5})
    (folder / "samples" / "step_0002000.txt").write_text("<img src=x onerror=alert(1)>")
    return folder


def set_step(page, index: int):
    page.locator("input[type=range]").evaluate(
        "(s, i) => { s.value = i; s.dispatchEvent(new Event('input')); }", index)


@pytest.mark.parametrize("kind", ["modules", "joined"])
def test_replay_by_keyboard(site, page, kind):
    page.goto(site(widgets.Dashboard(records.recording("tiny")), kind))
    slider, where = page.locator("input[type=range]"), page.locator("output")
    assert where.inner_text() == "step 2000"
    assert slider.get_attribute("aria-valuetext") == "step 2000 of 2000"
    page.keyboard.press("Tab")                          # the first thing that takes the focus
    assert page.locator(":focus").inner_text() == "Play"
    for _ in range(2): page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"
    page.keyboard.press("Home")
    assert where.inner_text() == "step 0"
    texts = []
    for _ in range(int(slider.get_attribute("max"))):
        page.keyboard.press("ArrowRight")
        caption = page.locator(".feste-samples figcaption").inner_text()
        if caption not in texts: texts.append(caption)
    assert texts == [f"sample at step {s}" for s in (0, 500, 1000, 1500, 2000)]
    last = (records.recording("tiny") / "samples/step_0002000.txt").read_text(encoding="utf-8")
    assert page.locator(".feste-samples pre").text_content() == last
    assert page.troubles == []


def test_charts_say_what_was_measured(site, page):
    page.goto(site(widgets.Dashboard(records.recording("tiny"))))
    rows = records.read_metrics(records.recording("tiny"))
    losses = [row["val_loss"] for row in rows if row["val_loss"] is not None]
    label = page.locator(".feste-picture svg").first.get_attribute("aria-label")
    said = f"validation: from {losses[0]:.4g} at step 0 to {losses[-1]:.4g} at step 2000"
    assert said in label
    set_step(page, 0)
    values = page.locator(".feste-charts figure").first.locator("li span").all_inner_texts()
    assert values == ["\u2013", f"{losses[0]:.4g}"]     # no training loss before a step
    titles = page.locator(".feste-charts figcaption").all_inner_texts()
    columns = widgets.run_data(records.recording("tiny"))["columns"]
    assert ("Learning rate" in titles) == ("lr" in columns)
    assert ("Memory, MB" in titles) == ("free_mb" in columns)
    page.get_by_role("radio", name="bits per byte").check()
    label = page.locator(".feste-picture svg").first.get_attribute("aria-label")
    assert label.startswith("Loss, bits per byte. validation: from 4.7")
    page.locator(".feste-charts summary").first.click()
    page.locator(".feste-charts table").first.wait_for()
    cells = page.locator(".feste-charts table").first.locator("td").all_inner_texts()
    assert cells[0] == "0"
    assert float(cells[1]) == pytest.approx(rows[0]["val_bits_per_byte"], 1e-3)
    assert page.troubles == []


def test_missing_columns_hide_their_charts(site, page, odd):
    lines = [f"{k},{5 - k / 100}" for k in range(50)]
    (odd / "metrics.csv").write_text("\n".join(["step,train_loss", *lines, ""]))
    (odd / "series.jsonl").unlink()
    page.goto(site(widgets.Dashboard(odd)))
    titles = page.locator(".feste-charts figcaption").all_inner_texts()
    assert titles == ["Loss, nats per token"]
    assert not page.get_by_role("radio", name="bits per byte").is_visible()
    assert page.troubles == []


def test_logarithmic_axes_have_round_ticks(site, page):
    page.goto(site(widgets.Dashboard(records.recording("tiny"))))
    page.get_by_label("Logarithmic axes").check()
    loss = page.locator(".feste-picture svg").first
    marked = loss.locator("text[text-anchor=end]").all_text_contents()
    assert {"2", "5"} & set(marked) and page.troubles == []
    bad = page.evaluate("""async () => {
      const { ticks } = await import("/static/lib/charts.js"), bad = [];
      for (const [low, high] of [[0, 1], [1e-9, 3e-9], [-5, 5], [99, 101], [1, 1], [0, 3e7]])
        for (const log of low > 0 ? [false, true] : [false]) {
          const found = ticks(low, high, log);
          if (found.length < 1 || found.length > 6) bad.push([low, high, log, found]);
        }
      for (const high of [2, 30, 1e4, 1e12]) {
        const found = ticks(1, high, true);
        if (found.length < 2 || found.length > 6) bad.push([high, found]);
      }
      return bad;
    }""")
    assert bad == []


def test_play_and_pause(site, page):
    page.goto(site(widgets.Dashboard(records.recording("tiny"))))
    where, shown = page.locator("output"), set()
    page.wait_for_timeout(300)
    assert where.inner_text() == "step 2000"            # nothing plays unless it is asked to
    page.get_by_label("Speed").select_option("fast")
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function("document.querySelector('output').textContent !== 'step 2000'")
    for _ in range(10):
        shown.add(where.inner_text())
        page.wait_for_timeout(120)
    assert len(shown) > 2
    page.get_by_role("button", name="Pause").press("Enter")
    stopped = where.inner_text()
    page.wait_for_timeout(500)
    assert where.inner_text() == stopped != "step 2000"
    assert page.troubles == []


def test_reduced_motion_goes_from_sample_to_sample(site, page):
    page.emulate_media(reduced_motion="reduce")
    page.goto(site(widgets.Dashboard(records.recording("tiny"))))
    page.get_by_label("Speed").select_option("fast")
    page.get_by_role("button", name="Play").click()
    seen = []
    for _ in range(60):
        text = page.locator("output").inner_text()
        if text not in seen: seen.append(text)
        if text == "step 2000": break
        page.wait_for_timeout(100)
    assert seen == [f"step {s}" for s in (0, 500, 1000, 1500, 2000)]


def test_two_runs_side_by_side(site, page):
    page.set_viewport_size(dict(width=1200, height=900))
    both = [records.recording(name) for name in ("tiny", "four-heads")]
    page.goto(site(widgets.Dashboard(*both)))
    assert page.locator("output").inner_text() == "step 4000"
    names = page.locator(".feste-charts figure").first.locator("li").all_inner_texts()
    assert [n.strip().rsplit(" ", 1)[0] for n in names] == [
        f"{run}, {what}" for run in ("tiny", "four-heads")
        for what in ("training", "validation")]
    steps = widgets.Dashboard(*both).samples
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    while page.locator("output").inner_text() != "step 1000": page.keyboard.press("ArrowRight")
    texts = page.locator(".feste-samples pre").all_text_contents()
    assert texts == [dict(map(tuple, s))[1000] for s in steps]
    tops = [f.bounding_box()["y"] for f in page.locator(".feste-samples figure").all()]
    assert tops[0] == tops[1] and page.troubles == []


def test_alerts_are_marked_and_text_is_no_markup(site, page, odd):
    page.goto(site(widgets.Dashboard(odd)))
    listed = page.locator(".feste-events li").all_inner_texts()
    assert listed == ["alert at step 700: the loss rises <b>much</b>",
                      "failure at step 1500: no space left"]
    assert page.locator(".feste-mark-alert").count() == 1
    assert page.locator(".feste-mark-failure").count() == 1
    label = page.locator(".feste-picture svg").first.get_attribute("aria-label")
    assert label.endswith("alert at step 700; failure at step 1500.")
    assert page.locator(".feste-samples pre").inner_text() == "<img src=x onerror=alert(1)>"
    assert page.locator(".feste-dashboard :is(img, b)").count() == 0
    page.get_by_text("All events").click()
    assert page.locator("ol li").count() == 4
    page.get_by_role("radio", name="bits per byte").check()
    assert page.locator(".feste-level").count() == 1
    assert page.get_by_text("gzip 3.5").count() == 1 and page.troubles == []


def test_a_pointer_reads_and_chooses(site, page):
    page.goto(site(widgets.Dashboard(records.recording("tiny"))))
    box = page.locator(".feste-picture").first.bounding_box()
    value = page.locator(".feste-charts figure").first.locator("li span").nth(1)
    last = value.inner_text()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    assert float(value.inner_text()) > float(last)      # read where the pointer is
    assert page.locator("output").inner_text() == "step 2000"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] + 300)
    assert value.inner_text() == last
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    assert 800 < int(page.locator("output").inner_text().split()[1]) < 1200


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_on_a_phone(site, page, odd, mode):
    page.set_viewport_size(dict(width=390, height=800))
    page.emulate_media(color_scheme=mode)
    page.goto(site(widgets.Dashboard(odd, records.recording("four-heads"))))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for svg in page.locator(".feste-picture svg").all():
        box = svg.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    sizes = page.locator(".feste-picture text").evaluate_all("""texts => texts.map((t) => {
      const svg = t.ownerSVGElement;
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      return parseFloat(getComputedStyle(t).fontSize) * scale;
    })""")
    assert min(sizes) >= 11
    ink = page.locator(".feste-picture text").first.evaluate(
        "t => getComputedStyle(t).fill.match(/[\\d.]+/g).slice(0, 3).map(Number)")
    assert (sum(ink) > 450) == (mode == "dark")
    assert page.troubles == []


def test_controls_have_names(site, page, odd):
    page.goto(site(widgets.Dashboard(odd)))
    every = page.locator(".feste-dashboard :is(input, select, button, [tabindex])")
    for control in every.all():
        name = control.evaluate(
            "c => c.ariaLabel || c.labels?.[0]?.textContent || c.textContent || ''")
        assert name.strip(), control.evaluate("c => c.outerHTML")
    ids = page.locator("[id]").evaluate_all("every => every.map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_reads_without_scripts(site, browser, odd):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site(widgets.Dashboard(odd)))
    figure = page.locator("figure.feste-figure svg").first
    assert figure.get_attribute("aria-label").startswith("Loss against training steps")
    assert page.locator("pre").inner_text() == "<img src=x onerror=alert(1)>"
    context.close()


def test_the_shipped_recordings_fit_a_page():
    for name in ("tiny", "four-heads"):
        board = widgets.Dashboard(records.recording(name))
        assert len(json.dumps(state(board))) < 150_000


WRITER = """
import shutil, sys, time
from pathlib import Path
source, folder = map(Path, sys.argv[1:])
lines = (source / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)
(folder / "samples").mkdir(parents=True)
shutil.copy(source / "run.json", folder)
(folder / "aside").write_text(lines[0], encoding="utf-8")
(folder / "aside").rename(folder / "metrics.csv")       # the first line is there whole
with open(folder / "metrics.csv", "a", encoding="utf-8") as f:
    for line in lines[1:]:
        f.write(line[:9]); f.flush()                    # half a line is there for a while
        time.sleep(0.02)
        f.write(line[9:]); f.flush()
        time.sleep(0.02)
(folder / "samples" / "step_0002000.txt").write_text("the end", encoding="utf-8")
shutil.copy(source / "model.safetensors", folder)       # now it is a recording
"""


def test_a_run_that_another_process_writes(site, page, tmp_path):
    folder = tmp_path / "elsewhere"
    board = widgets.Dashboard(folder)
    page.goto(site(board))
    summary = page.locator(".feste-summary")
    assert summary.inner_text().startswith("elsewhere: not there yet")
    board.follow(0.05)
    source = records.recording("tiny")
    seen = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(source), str(folder)]) as writer:
        while board._watcher.is_alive() and len(seen) < 5000:
            page.evaluate("now => tell(now)", state(board))
            text = page.locator("output").inner_text()
            if not seen or seen[-1] != text: seen.append(text)
            assert "damaged" not in summary.inner_text()
            time.sleep(0.05)
        assert writer.wait(60) == 0
    board.refresh()
    page.evaluate("now => tell(now)", state(board))
    assert len(seen) > 3                                # it moved while the other one wrote
    assert page.locator("output").inner_text() == "step 2000"
    assert "elsewhere: recording, step 2000 of 2000" in summary.inner_text()
    assert page.locator(".feste-samples pre").inner_text() == "the end"
    assert page.troubles == []


def test_a_new_row_disturbs_nobody(site, page, odd):
    "Focus, an open table and a chosen step stay where they are; news is told politely."
    rows = (odd / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (odd / "metrics.csv").write_text("".join(rows[:20]), encoding="utf-8")
    for sample in list((odd / "samples").glob("*"))[1:]: sample.unlink()
    board = widgets.Dashboard(odd)
    page.goto(site(board))
    page.locator(".feste-charts summary").nth(1).click()
    set_step(page, 3)
    chosen, told = page.locator("output").inner_text(), page.locator("[aria-live]")
    first = told.inner_text()
    (odd / "metrics.csv").write_text("".join(rows[:30]), encoding="utf-8")
    assert board.refresh()
    page.evaluate("now => tell(now)", state(board))
    assert page.locator("output").inner_text() == chosen
    assert page.locator(".feste-charts details").nth(1).evaluate("d => d.open")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.locator(".feste-summary").inner_text() != first == told.inner_text()
    shutil.rmtree(odd)
    board.refresh()
    page.evaluate("now => tell(now)", state(board))
    assert "not there yet" in page.locator(".feste-summary").inner_text()
    page.evaluate("end()")                              # a closed view hears nothing more
    before = page.locator(".feste-summary").inner_text()
    page.evaluate("now => tell(now)", {"runs": [dict(board.runs[0], problem="new")]})
    assert page.locator(".feste-summary").inner_text() == before
    assert page.troubles == []
