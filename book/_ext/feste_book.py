"""What the book adds to Sphinx: nbdev's directives, and widgets on pages without a kernel.

Jupyter Book prints `#| export` as it stands and `#| hide` hides nothing. Before myst-nb sees a
notebook, its JSON is rewritten here: directive lines go, hidden cells are tagged, and each
exported cell is labelled with its module's name.
"""
import hashlib
import json
import re
from pathlib import Path

import code_lines
import front_page
import glossary_links

from feste.widgets import joined

DIRECTIVE = re.compile(r"^#\s*\|\s*(\S+)\s*(.*)$")
TAGS = {
    "hide": "remove-cell",
    "hide_input": "remove-input",
    "hide_output": "remove-output",
    "default_exp": "remove-cell",
    "eval: false": "skip-execution",
    "echo: false": "remove-input",
    "solution": "hide-cell",
}
FOLD = "feste-fold"     # the tag of cells of the package that are folded away
EXPORTS = {"export", "exports", "exporti"}
ROOT = Path(__file__).resolve().parents[2]


def directives(source: str) -> tuple[list[str], str]:
    "A cell's nbdev directives and its source without them."
    found, rest = [], source.splitlines(keepends=True)
    while rest and (m := DIRECTIVE.match(rest[0].strip())):
        found.append(f"{m[1]} {m[2]}".strip())
        rest.pop(0)
    return found, "".join(rest)


def rewrite(notebook: dict) -> dict:
    "A notebook with directives turned into what myst-nb understands."
    cells, module = [], None
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        found, source = directives("".join(cell["source"]))
        tags = set(cell["metadata"].get("tags", []))
        for d in found:
            name, _, value = d.partition(" ")
            if name == "default_exp":
                module = value
            elif name == "solution":
                cell["metadata"]["mystnb"] = {
                    "code_prompt_show": f"Solution to exercise {value}",
                    "code_prompt_hide": f"Hide the solution to exercise {value}"}
            tag = TAGS.get(d) or TAGS.get(name)
            if tag:
                tags.add(tag)
        exports = [d.split() for d in found if d.split()[0] in EXPORTS]
        if exports and "remove-cell" not in tags:
            target = next((words[1] for words in exports if len(words) > 1), module)
            if "remove-input" in tags or "__doc__ =" in source:    # a detail: folded, not gone
                tags = tags - {"remove-input"} | {"hide-input"}
                if cells and FOLD in cells[-1]["metadata"].get("tags", ()):   # beside another
                    cells[-1]["source"] += f"\n\n{source}"
                    continue
                tags.add(FOLD)
                file = f"feste/{target.replace('.', '/')}.py"
                cell["metadata"]["mystnb"] = {"code_prompt_show": f"Show details of {file}",
                                              "code_prompt_hide": f"Hide details of {file}"}
            else:
                cells.append(label(target, len(cells)))
        metadata = cell["metadata"] | ({"tags": sorted(tags)} if tags else {})
        cells.append(cell | {"source": source, "metadata": metadata})
    return notebook | {"cells": cells}


def label(module: str, number: int) -> dict:
    "A line above an exported cell that says which module it goes to."
    text = ('<p class="feste-export" title="This cell is part of the package">'
            f'feste/{module.replace(".", "/")}.py</p>')
    return {"cell_type": "markdown", "id": f"label-{number}", "metadata": {}, "source": text}


def digest(root: Path, files: list[Path]) -> str:
    "A hash of the files' names and bytes."
    total = hashlib.sha256()
    for f in files:
        if f.is_file():
            total.update(f.relative_to(root).as_posix().encode() + f.read_bytes())
    return total.hexdigest()


def fingerprint(root: Path) -> str:
    """A hash of all that a chapter's results depend on besides its own cells.

    The package, the data's record, the pinned versions.
    """
    package = sorted((root / "feste").rglob("*.py"))
    recorded = sorted((root / "data" / "recordings").rglob("*.*"))
    others = [root / "data" / "manifest.json", root / "requirements.txt"]
    return digest(root, package + recorded + others)


def looks(root: Path) -> str:
    "A hash of styles and scripts: when they change, pages are written again, nothing is run."
    folders = (root / "book" / "_static", root / "feste" / "static")
    return digest(root, [f for folder in folders for f in sorted(folder.rglob("*"))])


def on_source_read(app, docname: str, source: list[str]) -> None:
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = rewrite(json.loads(source[0]))
    # The execution cache looks at code cells and the kernel's description: through the latter,
    # a changed package runs the chapters again.
    notebook["metadata"].setdefault("kernelspec", {})["feste"] = app.config.feste_fingerprint
    source[0] = json.dumps(notebook)


def on_env_get_outdated(app, env, added, changed, removed) -> set[str]:
    "Read all notebooks again when what they depend on has changed."
    if getattr(env, "feste_fingerprint", None) == app.config.feste_fingerprint:
        return set()
    env.feste_fingerprint = app.config.feste_fingerprint
    return {d for d in env.found_docs if env.doc2path(d).endswith(".ipynb")}


def classic(name: str, module: str) -> str:
    "An ES module with one default export as a plain script, for pages opened from disk too."
    if module.count("export default") != 1 or re.search(r"^import ", module, re.M):
        raise ValueError(f"{name}.js needs exactly one `export default` and no imports")
    body = module.replace("export default", "return")
    return f"festeWidgets[{json.dumps(name)}] = (() => {{\n{body}\n}})();\n"


HOST = """// Built from feste/static/*.js: Jupyter's widgets with saved state and no kernel.
const festeWidgets = {};
%s
document.addEventListener("DOMContentLoaded", () => {
  for (const el of document.querySelectorAll(".feste-widget")) {
    const state = JSON.parse(el.querySelector("script[type='application/json']").textContent);
    const set = (name, value) => { state[name] = value; };
    const model = { get: (name) => state[name], set, save_changes() {}, on() {}, off() {} };
    festeWidgets[el.dataset.widget].render({ model, el });
  }
});
"""


def on_builder_inited(app) -> None:
    "Write the widgets' scripts and styles where the pages find them."
    if app.builder.format != "html":
        return
    out, static = Path(app.outdir) / "_static", ROOT / "feste" / "static"
    out.mkdir(parents=True, exist_ok=True)
    read = lambda kind: {f.stem: f.read_text("utf-8") for f in sorted(static.glob(kind))}
    scripts = "".join(classic(name, joined(name)) for name in read("*.js"))
    (out / "feste_widgets.js").write_text(HOST % scripts, encoding="utf-8")
    (out / "feste_widgets.css").write_text("".join(read("*.css").values()), encoding="utf-8")


def on_page_context(app, pagename, templatename, context, doctree) -> None:
    "Leave out scripts that would come from another host; the book is whole without them."
    foreign = lambda script: "//" in str(getattr(script, "filename", script) or "")
    context["script_files"] = [s for s in context["script_files"] if not foreign(s)]


def setup(app) -> dict:
    app.add_config_value("feste_fingerprint", fingerprint(ROOT), "")
    app.add_config_value("feste_looks", looks(ROOT), "html")
    code_lines.setup(app)
    front_page.setup(app)
    glossary_links.setup(app)
    app.connect("source-read", on_source_read)
    app.connect("env-get-outdated", on_env_get_outdated)
    app.connect("builder-inited", on_builder_inited)
    app.connect("html-page-context", on_page_context, priority=900)
    app.add_js_file("feste_widgets.js")
    app.add_css_file("feste_widgets.css")
    app.add_css_file("feste.css")
    app.add_css_file("terms.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
