"""The field's words: names that this book once had of its own stay out of it.

A learner must be able to look things up, and to read other people's code afterwards. Only words
that have no other use here are listed; where a word has, reading decides.
"""
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

# What was written, as a pattern (a space stands for a space, hyphen, underscore or a line's
# end), and the field's word.
RETIRED = {
    r"throw(s|n|ing)? (a |the )?(dice|die)": "sample, draw, generate",
    r"large pages": "huge pages",
    r"tables? of addresses": "TLB",
    r"lines? of (memory|the cache)": "cache line",
    r"first values": "initialization",
    r"starting (numbers|values)": "initialization",
    r"once through": "epoch",
    r"room to work": "workspace, scratch buffer",
    r"(held|holds?|holding) back": "held out (of text); limited (of speed)",
    r"(the|a|this|its|their|one|[a-z]+'s) roof": "peak performance, or roofline",
    r"in turns": "interleaved, alternately",
    r"memori[sz](e|es|ed|ing|ation)": "overfit, and say what it means",
    r"mend(s|ed|ing)?": "fix",
    r"shares of attention": "attention weights",
    r"attention shares?": "attention weights",
}
# The glossary gives other books' names too.
PAGES = sorted([*(ROOT / "nbs").glob("*.ipynb"), *(ROOT / "book").glob("*.md"),
                ROOT / "README.md", ROOT / "feste/__init__.py", ROOT / "feste/__main__.py",
                *(ROOT / "feste" / "static").glob("*.*")])
PAGES = [path for path in PAGES if path.name != "glossary.md"]


def found(text: str) -> Iterator[tuple[str, str, str]]:
    "Each retired word in a text: what stands there, the field's word, and the words around it."
    for pattern, instead in RETIRED.items():
        spaced = pattern.replace(" ", r"[\s_-]+(?:#\s*|//\s*)?")
        for match in re.finditer(rf"(?<![a-z])(?:{spaced})(?![a-z])", text, re.I):
            around = text[max(0, match.start() - 40):match.end() + 40]
            yield match[0], instead, " ".join(around.split())


def texts(path: Path) -> Iterator[tuple[str, str]]:
    "The parts of a page and where they stand: the cells of a notebook, or a file's whole text."
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        yield "", text
        return
    for cell in json.loads(text)["cells"]:
        yield f", cell {cell['id']}", "".join(cell["source"])


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_fields_words_are_used(path):
    name = path.relative_to(ROOT).as_posix()
    wrong = [f'{name}{where}: "{" ".join(word.split())}" is not the field\'s word; '
             f"write {instead}.\n    … {around} …"
             for where, text in texts(path) for word, instead, around in found(text)]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("text", [
    "Throw the dice", "lines\n# of memory", "def room_to_work(): pass", "the roof of it",
    "It memorises", "the mend", "first-values"])
def test_retired_words_are_found(text):
    assert len(list(found(text))) == 1


@pytest.mark.parametrize("text", [
    "the roofline", "recommend, amended", "in turn", "the first value", "held out",
    "line of code", "the first, values"])
def test_other_words_are_left_alone(text):
    assert list(found(text)) == []
