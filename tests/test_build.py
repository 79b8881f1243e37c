"""The book's own machinery: directives, widgets as plain scripts, a build that can fail."""
import shutil
import sys

import nbformat
import pytest
from conftest import ROOT, run

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import feste_book

KERNEL = dict(kernelspec=dict(name="python3", display_name="Python 3", language="python"))


def notebook(*sources: str) -> dict:
    cells = [dict(cell_type="code", metadata={}, source=s, outputs=[]) for s in sources]
    return {"cells": cells, "metadata": {}}


def test_directives_become_tags():
    cells = feste_book.rewrite(notebook(
        "#| default_exp model", "#| hide\nx = 1", "#|hide_input\ny", "# | hide_output\nz",
        "#| eval: false\nboom()"))["cells"]
    assert [c["metadata"]["tags"] for c in cells] == [
        ["remove-cell"], ["remove-cell"], ["remove-input"], ["remove-output"],
        ["skip-execution"]]
    assert [c["source"] for c in cells] == ["", "x = 1", "y", "z", "boom()"]


def test_solutions_are_folded_away_under_their_number():
    cell = feste_book.rewrite(notebook("#| solution 2\nx = 1"))["cells"][0]
    assert cell["metadata"]["tags"] == ["hide-cell"] and cell["source"] == "x = 1"
    assert cell["metadata"]["mystnb"]["code_prompt_show"] == "Solution to exercise 2"


def test_exported_cells_name_their_module():
    cells = feste_book.rewrite(notebook(
        "#| default_exp fast.jit", "#| export\ndef f(): pass",
        "#| export other.place\n#| hide_output\nx = 1", "f()"))["cells"]
    first, second = (c["source"] for c in cells if c["cell_type"] == "markdown")
    assert "feste/fast/jit.py" in first and "feste/other/place.py" in second
    assert [cells[i]["source"] for i in (2, 4, 5)] == ["def f(): pass", "x = 1", "f()"]


def test_details_of_the_package_are_folded_into_one():
    cells = feste_book.rewrite(notebook(
        "#| default_exp model", "#| export\n__doc__ = 'm'", "#| export\n#| hide_input\na = 1",
        "a", "#| export\n#| hide_input\nb = 2"))["cells"]
    sources = [c["source"] for c in cells]
    assert sources == ["", "__doc__ = 'm'\n\na = 1", "a", "b = 2"]
    for i in (1, 3):
        assert "hide-input" in cells[i]["metadata"]["tags"]
        assert "feste/model.py" in cells[i]["metadata"]["mystnb"]["code_prompt_show"]


def test_only_leading_directives_count():
    found, source = feste_book.directives("x = 1\n#| hide\n")
    assert found == [] and source == "x = 1\n#| hide\n"
    prose = dict(cell_type="markdown", metadata={}, source="#| hide")
    assert feste_book.rewrite({"cells": [prose], "metadata": {}})["cells"] == [prose]


def test_fingerprint_sees_the_package_and_the_data(tmp_path):
    files = ("feste/a.py", "feste/fast/a.py", "data/manifest.json", "data/recordings/t/m.csv")
    for f in files:
        (tmp_path / f).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f).write_text("1")
    prints = [feste_book.fingerprint(tmp_path)]
    for f in files:
        (tmp_path / f).write_text("2")
        prints.append(feste_book.fingerprint(tmp_path))
    assert len(set(prints)) == 5 and feste_book.fingerprint(tmp_path) == prints[-1]


def test_a_changed_style_reaches_the_pages(tmp_path):
    style = tmp_path / "book" / "_static" / "feste.css"
    style.parent.mkdir(parents=True)
    style.write_text("a {}")
    before = feste_book.looks(tmp_path), feste_book.fingerprint(tmp_path)
    style.write_text("b {}")
    assert feste_book.looks(tmp_path) != before[0]
    assert feste_book.fingerprint(tmp_path) == before[1]


def test_widgets_become_plain_scripts():
    script = feste_book.classic("w", "const a = 1;\nexport default { a };")
    assert script == 'festeWidgets["w"] = (() => {\nconst a = 1;\nreturn { a };\n})();\n'
    with pytest.raises(ValueError, match="w.js needs exactly one"):
        feste_book.classic("w", "export const a = 1;")
    with pytest.raises(ValueError, match="no imports"):
        feste_book.classic("w", "import x from 'y';\nexport default {};")


@pytest.mark.parametrize(("source", "built"), [("print(6 * 7)", True),
                                              ("#| hide\n1 / 0", False)])
def test_a_failing_cell_fails_the_build(tmp_path, source, built):
    leave = shutil.ignore_patterns("_build", "__pycache__")
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=leave)
    shutil.copytree(ROOT / "feste" / "static", tmp_path / "feste" / "static")
    (tmp_path / "nbs").mkdir()
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: nbs/page\n")
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("# A page"), v4.new_code_cell(source)]
    nbformat.write(v4.new_notebook(cells=cells, metadata=KERNEL), tmp_path / "nbs/page.ipynb")
    done = run(sys.executable, "book/build.py", cwd=tmp_path)
    said = done.stdout + done.stderr
    page = tmp_path / "book" / "_build" / "html" / "nbs" / "page.html"
    if built:
        assert done.returncode == 0, said[-3000:]
        assert "42" in page.read_text(encoding="utf-8") and "The book is ready" in said
    else:
        assert done.returncode != 0
        assert "ZeroDivisionError" in said and "The book was NOT built" in said
