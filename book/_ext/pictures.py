"""The picture of the README: the model, and the loss of its recorded training.

A viewer shows it as a file, outside any page, so it brings its own colours, light and dark.
"""
import re
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "_static" / "model.svg"
# Text and paper: on a file's own paper the text can be read whatever surrounds it.
STYLE = """<style>svg{{font-family:system-ui,sans-serif}}
:root{{color:#1f2328;background:#fff}}
@media (prefers-color-scheme:dark){{:root{{color:#e6edf3;background:#0d1117}}
:root .feste-drawing{{{dark}}}}}</style>"""


def loss_drawing(folder: Path):
    "The training and validation loss of a recorded run, drawn as a schematic is."
    from feste import drawings, records
    rows = records.read_metrics(folder)
    train = [(r["step"], r["train_loss"]) for r in rows if r.get("train_loss") is not None]
    val = [(r["step"], r["val_loss"]) for r in rows if r.get("val_loss") is not None]
    last, low, high = val[-1][0], 2, 7
    at = lambda p: (56 + 280 * p[0] / last, 40 + 220 * (high - p[1]) / (high - low))
    d = drawings.Drawing(360, 548, f"Validation loss falls from {val[0][1]:.2f} to "
                      f"{val[-1][1]:.2f} nats a token in {last:.0f} steps.")
    d.text(196, 20, "its loss, nats a token", "title")
    d.line((56, 40), (56, 260), (336, 260))
    for loss in range(low, high + 1):
        d.text(48, at((0, loss))[1], str(loss), "note", "end")
    d.text(56, 276, "step 0", "note")
    d.text(336, 276, f"step {last:.0f}", "note", "end")
    d.line(*map(at, train), kind="stream")
    for p in val: d.circle(*at(p), 3, kind="lit")
    d.text(330, 60, "line: training", "note", "end")
    d.text(330, 76, "circles: validation", "note", "end")
    return d


def sample_lines(d, text: str) -> None:
    "What the model wrote, under its loss."
    d.text(196, 316, "what it writes", "title")
    for i, line in enumerate(text.splitlines()[:10]):
        d.text(16, 344 + 19 * i, line, "code", "start")


def model_svg() -> str:
    "Both drawings side by side as one file."
    from feste import drawings, records
    from front_page import last_sample
    folder = records.recording("tiny")
    model, loss = drawings.draw_model(), loss_drawing(folder)
    sample_lines(loss, last_sample(folder))
    place = lambda d, x: re.sub(r'style="display:block[^"]*"',
                                f'x="{x}" width="360" height="548"', d.svg, count=1)
    inner = place(model, 8) + place(loss, 400)
    dark = re.search(r"\[data-theme=dark\][^{]*\.feste-drawing\{([^}]*)\}", model.svg)[1]
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 776 564" width="776" '
            f'height="564" role="img">{STYLE.format(dark=dark)}{inner}</svg>\n')


def write() -> None:
    "Write the file if it would change."
    svg = model_svg()
    if not FILE.exists() or FILE.read_text("utf-8") != svg: FILE.write_text(svg, "utf-8")
