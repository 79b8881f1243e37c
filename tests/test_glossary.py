"""Links to the glossary: which words become links, and that the book's pages have them."""
import html
import re
import sys

import pytest
from conftest import ROOT
from test_book import CHAPTERS

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import glossary_links
from glossary_links import Entry, Linker, add_links, entries

SOURCE = """# Glossary

```{glossary}
batch
  Sequences whose gradients are *added*.

BPE
byte-pair encoding
  A tokenizer.

cache line
  64 bytes.

cache
  What is kept.

held out
  Kept away.

KV cache
  Keys and values.

.. links: training step, training steps
step
  One update.

vocabulary
  All tokens.

.. links:
seed
  A number.
```
"""


@pytest.fixture(scope="module")
def found() -> list[Entry]:
    return entries(SOURCE)


def test_entries_are_read_from_the_source(found):
    assert [e.term for e in found] == ["batch", "BPE", "cache line", "cache", "held out",
                                       "KV cache", "step", "vocabulary", "seed"]
    by = {e.term: e for e in found}
    assert by["batch"] == Entry("batch", ("batch", "batches"),
                                "Sequences whose gradients are added.")
    assert by["BPE"].words == ("BPE", "BPEs", "byte-pair encoding", "byte-pair encodings")
    assert by["vocabulary"].words == ("vocabulary", "vocabularies")
    assert by["step"].words == ("training step", "training steps") and by["seed"].words == ()


@pytest.mark.parametrize(("text", "linked"), [
    ("A batch, and a batch.", ["batch"]),                       # once a page
    ("Batches of text", ["Batches"]),                           # plural, capitalized
    ("a batch's loss", ["batch"]),
    ("batched, sub-batch, batch-wise, a/batch, ∂batch", []),            # other words
    ("BPE is byte-pair\nencoding", ["BPE"]),                    # one entry, two names
    ("Byte-pair\nencoding", ["Byte-pair\nencoding"]),           # over a line's end
    ("bpe", []),                                                # an abbreviation's case counts
    ("a cache line, a cache", ["cache line", "cache"]),         # the longest first
    ("KV cache, KV cache, cache", ["KV cache", "cache"]),       # known words keep their parts
    ("Held-out text is held out", ["Held-out"]),
    ("one step, two training steps", ["training steps"]),       # only the chosen words
    ("a seed", []),
    ("nothing here", []),
])
def test_words_become_links(found, text, linked):
    pieces = list(Linker(found).split(text))
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, entry in pieces if entry] == linked


def read(source: str, found: list[Entry]) -> list[tuple[str, str]]:
    "What is linked on a page of Markdown: (shown, target)."
    from docutils.core import publish_doctree
    from myst_parser.docutils_ import Parser
    from sphinx.addnodes import pending_xref
    settings = {"myst_enable_extensions": ["dollarmath"], "report_level": 5}
    page = publish_doctree(source, parser=Parser(), settings_overrides=settings)
    add_links(page, found, "nbs/page")
    return [(x.astext(), x["reftarget"]) for x in page.findall(pending_xref)
            if x["reftype"] == "term"]


@pytest.mark.parametrize("closed", [
    "# A batch", "`batch`", "[a batch](https://example.org)", "$batch$", "$$\nbatch\n$$",
    "```\nbatch\n```", "<b title='batch'></b>", "![batch](x.png)",
])
def test_no_links_in_code_formulas_headings_and_links(found, closed):
    assert read(closed, found) == []
    assert read(closed + "\n\nThe batch.", found) == [("batch", "batch")]


def test_links_stand_in_bold_lists_tables_and_quotations(found):
    page = ("**Batches** of *held-out* text.\n\n- a cache\n\n> BPE\n\n"
            "| a |\n|---|\n| vocabulary |\n")
    assert read(page, found) == [("Batches", "batch"), ("held-out", "held out"),
                                 ("cache", "cache"), ("BPE", "BPE"),
                                 ("vocabulary", "vocabulary")]


def test_the_glossary_is_in_order_and_says_everything_once():
    found = entries((ROOT / "book" / "glossary.md").read_text(encoding="utf-8"))
    terms = [glossary_links.plain(e.term) for e in found]
    assert terms == sorted(terms) and len(terms) == len(set(terms))
    words = [glossary_links.plain(w) for e in found for w in e.words]
    assert len(words) == len(set(words)), {w for w in words if words.count(w) > 1}
    for e in found: assert re.match(r"[\w−-].{15,}\.\)?$", e.definition), e


@pytest.mark.parametrize("name", [f for f in CHAPTERS if f[4] in "01234"])
def test_chapters_are_linked_to_the_glossary(book, name):
    text = (book / f"{name}.html").read_text(encoding="utf-8")
    links = re.findall(r'href="\.\./book/glossary\.html#(term-[^"]+)"\s+title="([^"]+)"', text)
    assert len(links) == len({target for target, _ in links}), "a term is linked twice"
    assert len(links) >= 8, f"{name} has {len(links)} links to the glossary: {links}"
    assert all(len(html.unescape(title)) > 15 for _, title in links)
