"""The rendered book, read in a real browser."""
import html
import json
import re
import sys

import pytest
import yaml
from conftest import HTML, ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import code_lines


def toc() -> list[str]:
    "Every page that _toc.yml names."
    whole = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [whole["root"], *(c["file"] for part in whole["parts"] for c in part["chapters"])]


CHAPTERS = [f for f in toc() if f.startswith("nbs/")]


@pytest.mark.parametrize("name", toc())
def test_page_loads_clean(server, page, name):
    page.goto(f"{server}/{name}.html", wait_until="networkidle")
    assert page.locator("article h1").count() == 1
    assert page.troubles == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_reads_as_prose(server, page, name):
    page.goto(f"{server}/{name}.html")
    text = page.locator("main").inner_text()
    assert not re.search(r"^\s*#\s*\|", text, re.M), "a directive is shown"
    assert "default_exp" not in text
    source = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in source["cells"]]
    exported = [s for s in sources if s.startswith("#| export")]
    folded = [s for s in exported if "#| hide_input" in s or "__doc__ =" in s]
    assert page.locator(".feste-export").count() == len(exported) - len(folded)
    assert bool(folded) == (page.locator(".tag_feste-fold").count() > 0)
    assert exported or "default_exp" not in str(source), "its module would be empty"
    assert page.locator("main .cell_output").count() > 0


@pytest.mark.parametrize("name", toc())
def test_pictures_have_words(server, page, name):
    page.goto(f"{server}/{name}.html")
    for svg in page.locator("figure.feste-figure svg").all():
        assert len(svg.get_attribute("aria-label")) > 30
    for words in page.locator("figure.feste-schematic svg > desc").all():
        assert len(words.text_content()) > 30
    drawings = page.locator("figure.feste-schematic").count()
    assert page.locator("figure.feste-schematic svg > :is(desc, title)").count() >= drawings
    for img in page.locator("article img").all():
        assert (img.get_attribute("alt") or "").strip()


@pytest.mark.parametrize("code", [
    "x = 1", "def f(x):\n\n    return x     # a < b\n", "    # only\n\n\n",
    "s = '''a\n  b'''  # c\n", "a\x0bb\u2028c\x85d\n"])
def test_lines_of_code_keep_their_text(code):
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer
    whole = highlight(code, PythonLexer(stripnl=False), HtmlFormatter())
    lines = code_lines.by_line(whole)
    text = lambda marked: html.unescape(re.sub("<[^>]*>", "", marked))
    assert text(lines) == text(whole)
    assert lines.count('class="ln"') == text(whole).count("\n") - 1     # one is after </pre>
    for line in re.findall(r'<span class="ln".*?(?=<span class="ln"|</pre>)', lines, re.S):
        assert line.count("<span") == line.count("</span>")     # each is whole by itself


def test_code_and_figures_fit_a_phone(server, page):
    page.set_viewport_size({"width": 390, "height": 800})
    for name in toc():
        page.goto(f"{server}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.goto(f"{server}/nbs/30_architecture.html")
    lefts = """pre => [...pre.querySelectorAll(".ln")].map(line => {
        const range = document.createRange(); range.selectNodeContents(line);
        const rows = [...range.getClientRects()].filter(r => r.width > 1);
        const top = Math.min(...rows.map(r => r.top));
        const at = keep => Math.min(...rows.filter(keep).map(r => r.left));
        return [at(r => r.top < top + 5), at(r => r.top >= top + 5)]; })"""
    pre = page.locator("pre", has_text="def _attention_branch(").first
    assert pre.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    wrapped = [(begin, rest) for begin, rest in pre.evaluate(lefts) if rest < 390]
    assert wrapped and all(rest > begin + 8 for begin, rest in wrapped), wrapped


@pytest.mark.parametrize("name", ["20_tensors", "30_architecture", "31_ledger", "40_backprop",
                                  "43_generation"])
def test_letters_of_figures_are_large_enough_on_a_phone(server, page, name):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{server}/nbs/{name}.html")
    letters = """figures => figures.flatMap(svg => {      // a glyph's height is 100 units
        const unit = 100 * svg.clientWidth / svg.viewBox.baseVal.width;
        return [...svg.querySelectorAll("g[id^=text_] > g[transform*=scale]")].map(
            g => unit * +/scale\\(([\\d.]+)/.exec(g.getAttribute("transform"))[1]); })"""
    sizes = page.locator("figure.feste-figure svg").evaluate_all(letters)
    assert sizes and min(sizes) >= 11, min(sizes)


def test_every_number_in_prose_is_filled(server, page):
    for name in CHAPTERS:
        page.goto(f"{server}/{name}.html")
        assert not re.search(r"\{glue", page.locator("main").inner_text()), name


def test_solutions_open_on_request(server, page):
    seen = {}
    for name in CHAPTERS:
        page.goto(f"{server}/{name}.html")
        folded = page.locator("details", has_text="Solution to exercise")
        seen[name] = folded.count()
        for fold in folded.all():
            assert not fold.locator("pre").first.is_visible()
            fold.locator("summary").first.click()
            assert fold.locator("pre").first.is_visible(), name
    assert all(n >= 3 for name, n in seen.items() if "/9" not in name), seen


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_loss_figure_follows_the_page(server, page, mode):
    page.emulate_media(color_scheme=mode)
    page.goto(f"{server}/nbs/44_runs.html")
    figure = page.locator("figure.feste-figure svg[aria-label^='Loss against training steps']")
    assert figure.count() == 1
    assert re.search(r"falls from 6\.\d\d at step 0 to \d\.\d\d at step 2000",
                     figure.get_attribute("aria-label"))
    ink = page.evaluate(
        "s => getComputedStyle(s).color.match(/[\\d.]+/g).slice(0, 3).map(Number)",
        figure.element_handle())
    assert (sum(ink) > 450) == (mode == "dark"), ink
    box = figure.bounding_box()
    assert box["width"] > 300 and box["height"] > 100


def sampler(page):
    widget = page.locator(".feste-sampler")
    widget.wait_for()
    return widget, widget.locator(".feste-answer")


def test_sampler_answers_without_a_kernel(server, page):
    page.goto(f"{server}/nbs/43_generation.html")
    widget, answer = sampler(page)
    assert answer.inner_text().startswith("HAMLET:")
    seen = {answer.inner_text()}
    temperatures = widget.locator("fieldset").nth(1).locator("input")
    assert temperatures.count() == 5
    temperatures.nth(0).focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")       # no mouse needed
        seen.add(answer.inner_text())
    assert len(seen) == 5
    widget.locator("fieldset").nth(0).locator("input").nth(1).check()
    assert answer.inner_text().startswith("To be, or not to be")
    assert page.troubles == []


def test_sampler_works_from_disk(book, page):
    page.goto((HTML / "nbs" / "43_generation.html").as_uri())
    widget, answer = sampler(page)
    before = answer.inner_text()
    widget.locator("fieldset").nth(1).locator("input").nth(4).check()
    assert answer.inner_text() != before


def test_sampler_reads_without_scripts(server, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/nbs/43_generation.html")
    assert page.locator(".feste-widget dt").count() == 10
    context.close()


def test_explorer_cuts_text_as_python_does(server, page):
    from feste import data, tokenizer
    tok = tokenizer.train(data.load().text("train"), 2048)
    page.goto(f"{server}/nbs/10_tokenizer.html")
    explorer = page.locator(".feste-explorer")
    explorer.wait_for()
    ids = lambda: [int(t) for t in explorer.locator(".feste-id").all_inner_texts()]
    texts = ("Better a witty fool than a foolish wit.", "'Tis I'll  won't\n\n 1601!",
             "👩‍👩‍👧 ♥ 宁可 é½", "!\x85!\ufeff a \ufeff!b", "")
    for text in texts:
        explorer.locator("textarea").fill(text)
        for size in (256, 512, 2048):
            explorer.locator(f"input[value='{size}']").check()
            expected = tokenizer.Tokenizer(tok.merges[:size - 256]).encode(text)
            assert ids() == expected, (text, size)
    assert page.troubles == []


def test_explorer_steps_by_keyboard(server, page):
    page.goto(f"{server}/nbs/10_tokenizer.html")
    explorer = page.locator(".feste-explorer")
    explorer.locator("textarea").fill("the fool")
    slider, counts = explorer.locator("input[type=range]"), []
    slider.focus()
    page.keyboard.press("Home")
    assert explorer.locator(".feste-tokens li").count() == 8        # bytes: nothing joined yet
    for _ in range(int(slider.get_attribute("max"))):
        page.keyboard.press("ArrowRight")
        counts.append(explorer.locator(".feste-tokens li").count())
    assert counts == sorted(counts, reverse=True) and counts[-1] < 8
    page.keyboard.press("Shift+Tab")                                # back to the vocabularies
    page.keyboard.press("ArrowLeft")
    assert explorer.locator("input[value='256']").is_checked()
    assert explorer.locator(".feste-tokens li").count() == 8


def test_explorer_reads_without_scripts(server, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/nbs/10_tokenizer.html")
    assert "Vocabulary 8192:" in page.locator(".feste-widget").inner_text()
    context.close()


def test_attention_explorer_shows_the_model(server, page):
    import numpy as np
    import feste
    found = feste.load("four-heads")
    cfg = found.cfg
    ids = found.tokenizer.encode("HAMLET:\nBetter a witty fool than a foolish wit.")
    _, (_, _, blocks, _, _) = feste.model.gpt_fwd(found.params, cfg, np.array(ids))
    page.goto(f"{server}/nbs/30_architecture.html")
    panel = page.locator(".feste-attention")
    panel.wait_for()
    assert panel.locator(".feste-piece").count() == len(ids)
    for layer in range(cfg.L):
        for head in range(cfg.H):
            panel.locator("fieldset").nth(1).locator("input").nth(layer).check()
            panel.locator("fieldset").nth(2).locator("input").nth(head).check()
            shown = panel.locator(".feste-weight-text").all_inner_texts()
            percent = np.array([int(text.split()[0]) for text in shown])
            weights = blocks[layer][2][3][head, -1]                 # (T,): the last token's
            assert np.abs(percent - 100 * weights).max() <= 0.56
    assert page.troubles == []


def test_attention_explorer_by_keyboard(server, page):
    page.goto(f"{server}/nbs/30_architecture.html")
    panel = page.locator(".feste-attention")
    said, seen = panel.locator(".feste-summary"), set()
    panel.locator(".feste-positions input").last.focus()
    for _ in range(5):
        seen.add(said.inner_text())
        page.keyboard.press("ArrowLeft")
    assert len(seen) == 5 and all("looks most at" in text for text in seen)
    assert panel.locator(".feste-future").count() == 5              # later positions are hidden
    panel.locator("fieldset").nth(0).locator("input").nth(3).check()
    assert set(panel.locator(".feste-piece").all_inner_texts()) == {"␣the"}


def test_microscope_sees_each_missing_term(server, page):
    page.goto(f"{server}/nbs/40_backprop.html")
    panel = page.locator(".feste-microscope")
    panel.wait_for()
    said = panel.locator(".feste-summary")
    gradients = panel.locator("fieldset").nth(0).locator("input")
    assert gradients.count() == 8
    for g in range(gradients.count()):
        gradients.nth(g).check()
        assert re.match(r"All \d+ elements agree", said.inner_text())
        terms = panel.locator("fieldset").nth(1).locator("input")
        for t in range(terms.count()):
            terms.nth(t).focus()
            page.keyboard.press("Space")                            # no mouse needed
            text = said.inner_text()
            assert re.match(r"\d+ of \d+ elements are off. The worst is at", text)
            assert panel.locator("td.feste-wrong").count() == int(text.split()[0])
            page.keyboard.press("Space")
        assert panel.locator("td.feste-wrong").count() == 0
    assert page.troubles == []


def test_widgets_of_the_model_read_without_scripts(server, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/nbs/30_architecture.html")
    assert "Layer 2, head 4: the last token" in page.locator(".feste-widget").inner_text()
    page.goto(f"{server}/nbs/40_backprop.html")
    said = page.locator(".feste-widget").inner_text()
    assert "Without “through the mean” the gradient is off" in said
    context.close()


def test_formulas_are_typeset(server, page):
    page.goto(f"{server}/nbs/40_backprop.html", wait_until="networkidle")
    page.locator("mjx-container").first.wait_for()
    assert page.locator("mjx-container").count() > 10
    assert page.locator("mjx-merror").count() == 0
    assert page.troubles == []


TWICE = """async (source) => {
  const terms = [{ name: "t", values: [1, 2] }];
  const layers = ["a", "b"].map((name) => ({ name, shape: [1, 2], expected: [1, 2], terms }));
  const model = { get: (name) => ({ layers, limit: 1e-6 })[name] };
  const both = [];
  for (const _ of "12") {
    const file = new Blob([source], { type: "text/javascript" });
    const { default: { render } } = await import(URL.createObjectURL(file));
    const el = document.body.appendChild(document.createElement("div"));
    render({ model, el });
    both.push(el);
  }
  return both.map((el) => el.querySelectorAll("input[type=radio]:checked").length);
}"""


def test_two_widgets_of_a_kind_do_not_disturb_each_other(server, page):
    "In Jupyter each widget is loaded as a module of its own: here, each from its own copy."
    page.goto(f"{server}/nbs/40_backprop.html")
    source = (ROOT / "feste" / "static" / "microscope.js").read_text(encoding="utf-8")
    assert page.evaluate(TWICE, source) == [2, 2]
