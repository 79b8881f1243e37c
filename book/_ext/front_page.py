"""What the front page shows and nobody types: a drawing, a record, a sample, the contents.

    ```{drawing}           the model, as `feste.drawings` draws it
    ```{recorded-loss} tiny     the loss of a recorded model's training
    ```{recorded-sample} tiny   what it wrote at the end
    ```{contents-table} 0 1     chapters of these parts, with their reading times
"""
import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")       # before anything draws: no window is opened
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
WORDS, LINES = 150, 15      # that a learner reads in a minute: of prose, of code
FOLDED = ("hide", "hide_input", "solution", "default_exp")


def reading_minutes(notebook: dict) -> float:
    "How long a learner reads in a chapter, code that is folded away left out."
    words = lines = 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code": words += len(source.split())
        elif not re.match(rf"(#\s*\|.*\n)*#\s*\|\s*({'|'.join(FOLDED)})\b", source):
            lines += sum(bool(line.strip()) for line in source.splitlines())
    return words / WORDS + lines / LINES


def clock(minutes: float) -> str:
    "Minutes as a reader says them: `25 min`, `3½ h`."
    if minutes < 57.5: return f"{max(5, 5 * round(minutes / 5))} min"
    halves = round(minutes / 30)
    return f"{halves // 2}{'½' if halves % 2 else ''} h"


def parts() -> dict[str, list[str]]:
    "The captions of the table of contents, each with its pages."
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return {part["caption"]: [c["file"] for c in part["chapters"]] for part in toc["parts"]}


def last_sample(folder: Path) -> str:
    "What a recorded model wrote at the end of its training, whole lines of it."
    text = max((folder / "samples").glob("step_*.txt")).read_text("utf-8")
    return text.rpartition("\n")[0].strip()


class Shown(SphinxDirective):
    "A directive that shows something with HTML of its own."
    optional_arguments = 1

    def needs(self, *paths: Path) -> None:
        "Read the page again when one of these files changes."
        for path in paths: self.env.note_dependency(str(path))

    def html(self, shown: object) -> list[nodes.Node]:
        return [nodes.raw("", shown._repr_mimebundle_()["text/html"], format="html")]


class DrawingDirective(Shown):
    def run(self) -> list[nodes.Node]:
        from feste import drawings
        self.needs(Path(drawings.__file__))
        return self.html(drawings.draw_model())


class LossDirective(Shown):
    required_arguments, optional_arguments = 1, 0

    def run(self) -> list[nodes.Node]:
        from feste import plots, records
        folder = records.recording(self.arguments[0])
        self.needs(folder / "metrics.csv", Path(plots.__file__))
        return self.html(plots.loss_figure(folder))


class SampleDirective(Shown):
    required_arguments, optional_arguments = 1, 0

    def run(self) -> list[nodes.Node]:
        from feste import records
        folder = records.recording(self.arguments[0])
        self.needs(*(folder / "samples").glob("*"))
        text = last_sample(folder)
        return [nodes.literal_block(text, text, language="text", classes=["feste-sample"])]


class ContentsDirective(Shown):
    "Chapters of some parts: number, title, and how long a learner reads."
    optional_arguments, final_argument_whitespace = 1, True

    def run(self) -> list[nodes.Node]:
        wanted = self.arguments[0].split()
        chosen = {caption: pages for caption, pages in parts().items()
                  if re.match(rf"Part ({'|'.join(wanted)})\b", caption)}
        lines, whole = ["| chapter | | reading |", "|--:|---|--:|"], 0.0
        for caption, pages in chosen.items():
            lines.append(f"| | **{caption}** | |")
            for page in pages:
                path = ROOT / f"{page}.ipynb"
                self.needs(path)
                minutes = reading_minutes(json.loads(path.read_text("utf-8")))
                whole += minutes
                number = path.name.partition("_")[0]
                lines.append(f"| {number} | [](../{page}.ipynb) | {clock(minutes)} |")
        if len(chosen) > 1: lines.append(f"| | together | {clock(whole)} |")
        box = nodes.container(classes=["feste-contents"])
        self.needs(ROOT / "_toc.yml")
        self.state.nested_parse(StringList(lines, self.get_source_info()[0]), 0, box)
        return [box]


def setup(app) -> None:
    app.add_directive("drawing", DrawingDirective)
    app.add_directive("recorded-loss", LossDirective)
    app.add_directive("recorded-sample", SampleDirective)
    app.add_directive("contents-table", ContentsDirective)
