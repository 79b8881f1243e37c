"""The front page and the README show what is there: the record, the chapters, the drawing."""
import html
import re
import sys

import pytest
from conftest import ROOT
from test_book import CHAPTERS

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import front_page
import pictures


def cell(kind: str, source: str) -> dict:
    return {"cell_type": kind, "source": source}


def test_reading_time_counts_what_is_shown():
    prose, code = cell("markdown", "word " * 300), cell("code", "x = 1\n\n" * 30)
    folded = [cell("code", f"#| {name}\n" + "x = 1\n" * 99)
              for name in ("hide", "hide_input", "solution 1", "default_exp model",
                            "export\n#| hide_input")]
    exported = cell("code", "#| export\n" + "x = 1\n" * 29)
    minutes = front_page.reading_minutes({"cells": [prose, code, exported, *folded]})
    assert minutes == 2 + 2 + 2


@pytest.mark.parametrize(("minutes", "words"), [
    (1, "5 min"), (23, "25 min"), (57, "55 min"), (58, "1 h"), (80, "1½ h"), (560, "9½ h")])
def test_minutes_as_a_reader_says_them(minutes, words):
    assert front_page.clock(minutes) == words


def test_the_readmes_picture_is_what_the_code_draws():
    assert pictures.FILE.read_text(encoding="utf-8") == pictures.model_svg(), (
        "book/_static/model.svg is not what book/_ext/pictures.py draws. "
        "Run: python book/build.py, and commit the file")


def test_the_readmes_picture_has_words_and_is_shown_in_both_modes():
    shown = re.search(r'<img src="([^"]+)"[^>]* alt="([^"]{60,})">',
                      (ROOT / "README.md").read_text(encoding="utf-8"))
    assert ROOT / shown[1] == pictures.FILE
    svg = pictures.FILE.read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in svg and "href" not in svg and "<script" not in svg


def test_the_front_page_shows_the_record_and_every_chapter(book):
    from feste import records
    text = (book / "book" / "intro.html").read_text(encoding="utf-8")
    sample = front_page.last_sample(records.recording("tiny"))
    shown = html.unescape(re.sub(r"<[^>]+>", "", text))
    for line in sample.splitlines(): assert line in shown
    assert "feste-drawing" in text and "Loss against training steps" in text
    article = text[text.index("<article"):]
    links = re.findall(r'href="\.\./(nbs/[^"#]+)\.html"', article)
    assert links[0] == "nbs/01_evening"
    assert {name for name in CHAPTERS if name[4] in "012346"} <= set(links)
