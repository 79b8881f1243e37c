"""Links to the glossary, made while a page is read.

On each page the first use of each term in running text becomes a link, with the term's
definition as its tooltip. An entry of the glossary can say which words are linked, in a comment
above it, for terms that are also ordinary English:

    .. links: training step, training steps
    step
      One batch, its gradients, and one update of the parameters.

Without that comment the term and its plural are linked; after an empty `.. links:`, nothing is.
"""
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

GLOSSARY = "book/glossary"


class Entry(NamedTuple):
    "An entry of the glossary."
    term: str               # its first name, the link's target
    words: tuple[str, ...]  # what is linked
    definition: str


def plurals(term: str) -> tuple[str, ...]:
    "A term and its plural: `batch`, `batches`."
    if term.endswith("s"): return (term,)
    if re.search(r"[^aeiou]y$", term): return term, term[:-1] + "ies"
    return term, term + ("es" if re.search(r"(x|ch|sh)$", term) else "s")


def entries(text: str) -> list[Entry]:
    "The entries of the glossary's source."
    found = []
    body = re.search(r"```\{glossary\}\n(.*?)\n```", text, re.S)[1]
    for part in re.split(r"\n\s*\n", body):
        lines = part.splitlines()
        chosen = [line[len(".. links:"):] for line in lines if line.startswith(".. links:")]
        names = [line for line in lines if line[0] not in " ."]
        words = ([word.strip() for word in chosen[0].split(",") if word.strip()] if chosen
                 else [word for name in names for word in plurals(name)])
        definition = " ".join(line.strip() for line in lines if line[0] == " ")
        found.append(Entry(names[0], tuple(words), definition.replace("*", "")))
    return found


def plain(word: str) -> str:
    "What a word has in common with its other spellings: `Held-out` and `held out`."
    return re.sub(r"[\s-]+", " ", word).lower()


class Linker:
    "Finds terms in the running text of one page, each once."
    def __init__(self, found: list[Entry]) -> None:
        self.entries = {plain(word): entry for entry in found for word in entry.words}
        self.seen: set[str] = set()
        words = sorted({w for entry in found for w in entry.words}, key=len, reverse=True)
        either = "|".join(map(self.pattern, words))
        self.regex = re.compile(rf"(?<![\w/.∂-])(?:{either})(?![\w-])")

    @staticmethod
    def pattern(word: str) -> str:
        "A word, also capitalized, also over a line's end; `held out` also as `held-out`."
        either = r"[\s-]\s*"
        rest = either.join(map(re.escape, word[1:].split(" ")))
        first = word[0]
        return (f"[{first}{first.upper()}]" if first.islower() else re.escape(first)) + rest

    def split(self, text: str) -> Iterator[tuple[str, Entry | None]]:
        "The text in pieces: a piece with an entry is to be a link."
        end = 0
        for match in self.regex.finditer(text):
            entry = self.entries[plain(match[0])]
            if entry.term in self.seen: continue
            self.seen.add(entry.term)
            if match.start() > end: yield text[end:match.start()], None
            yield match[0], entry
            end = match.end()
        if end < len(text): yield text[end:], None


# No link stands inside one of these; nor in a cell's code and output, or a list of chapters.
CLOSED = (nodes.title, nodes.rubric, nodes.caption, nodes.reference, addnodes.pending_xref,
          nodes.literal, nodes.math, nodes.math_block, nodes.FixedTextElement, nodes.raw,
          addnodes.toctree, addnodes.glossary)
CLOSED_CLASSES = {"cell", "feste-contents"}


def running(text: nodes.Text) -> bool:
    "Whether a text is prose: a paragraph's, and in nothing that is closed to links."
    node, paragraph = text.parent, False
    while node is not None:
        if isinstance(node, CLOSED): return False
        if not CLOSED_CLASSES.isdisjoint(node.get("classes", ())): return False
        paragraph = paragraph or isinstance(node, nodes.paragraph)
        node = node.parent
    return paragraph


def link(shown: str, entry: Entry, docname: str) -> addnodes.pending_xref:
    "What the role {term} makes, with the definition for the tooltip."
    inside = nodes.inline(shown, shown, classes=["xref", "std", "std-term"])
    inside["definition"] = entry.definition
    return addnodes.pending_xref(
        shown, inside, refdoc=docname, refdomain="std", reftype="term", refexplicit=True,
        reftarget=entry.term, refwarn=True)


def add_links(document: nodes.document, found: list[Entry], docname: str) -> None:
    "Link each term's first use on a page that has been read."
    linker = Linker(found)
    for node in document.findall(addnodes.pending_xref):
        entry = linker.entries.get(plain(node.get("reftarget", "")))
        if node.get("reftype") == "term" and entry: linker.seen.add(entry.term)
    for text in list(document.findall(nodes.Text)):
        if not running(text): continue
        pieces = list(linker.split(text.astext()))
        if any(entry for _, entry in pieces):
            text.parent.replace(text, [link(piece, entry, docname) if entry
                                       else nodes.Text(piece) for piece, entry in pieces])


class GlossaryLinks(SphinxTransform):
    "Where the book has a glossary, links to it on all other pages."
    default_priority = 800

    def apply(self, **kwargs: object) -> None:
        found = self.env.found_docs
        if GLOSSARY in found and self.env.docname != GLOSSARY:
            add_links(self.document, entries(self.config.feste_glossary), self.env.docname)


def on_doctree_resolved(app, doctree, docname: str) -> None:
    "The definition as a tooltip."
    for reference in doctree.findall(nodes.reference):
        inside = reference.children[0] if reference.children else None
        if isinstance(inside, nodes.inline) and inside.get("definition"):
            reference["reftitle"] = inside["definition"]


def setup(app) -> None:
    source = Path(__file__).resolve().parents[1] / "glossary.md"
    # When the glossary changes, all pages are read again; no cell is run for that.
    app.add_config_value("feste_glossary", source.read_text("utf-8"), "env")
    app.add_transform(GlossaryLinks)
    app.connect("doctree-resolved", on_doctree_resolved)
