"""Each line of code is an element of its own, so that a phone can wrap it by its indentation.

    <span class="ln" style="--in:8">        x = attention(x)</span>

`--in` is the number of blanks that the line begins with; without it there are none. What does
not fit is continued two columns further in (`feste.css`), and the gap before a comment, which
aligns it with others, becomes one blank. Text that is copied stays as it is.
"""
import html
import re

BLOCK = re.compile(r"(<pre[^>]*>)(.*?)(</pre>)", re.S)
GAP = re.compile(r'(?<=</span>)(?<!<span></span>)(  +)(?=<span class="c1">)')


def indentation(line: str) -> int:
    "How many blanks a line of highlighted code begins with."
    text = html.unescape(re.sub(r"<[^>]*>", "", line))
    return len(text) - len(text.lstrip(" ")) if text.strip() else 0


def element(line: str) -> str:
    "A line, with its line end, as an element."
    blanks = indentation(line)
    style = f' style="--in:{blanks}"' if blanks else ""
    line = GAP.sub(r'<span class="gap">\1</span>', line)
    return f'<span class="ln"{style}>{line}</span>'


def by_line(highlighted: str) -> str:
    "Highlighted code with each line in an element. (Pygments closes its own at a line's end.)"
    def block(match: re.Match) -> str:
        lines = re.findall(r"[^\n]*\n|[^\n]+", match[2])
        return match[1] + "".join(map(element, lines)) + match[3]
    return BLOCK.sub(block, highlighted)


def on_builder_inited(app) -> None:
    "Let the highlighter of HTML pages return lines."
    if app.builder.format != "html": return
    inner = app.builder.highlighter.highlight_block
    app.builder.highlighter.highlight_block = lambda *args, **options: by_line(
        inner(*args, **options))


def setup(app) -> None:
    app.connect("builder-inited", on_builder_inited)
