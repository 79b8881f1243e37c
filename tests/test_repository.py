"""Notebooks and package agree, notebooks are clean, and cells fit the page."""
import filecmp
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    "What nbdev works on, in a folder of its own."
    to = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "settings.ini", to)
    leave = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("nbs", "feste"): shutil.copytree(ROOT / name, to / name, ignore=leave)
    return to


def nbdev(command: str, cwd: Path):
    "One of nbdev's commands, from the environment of these tests."
    done = run(shutil.which(command, path=Path(sys.executable).parent), cwd=cwd)
    assert done.returncode == 0, done.stderr


def test_the_package_is_what_the_notebooks_export(copy):
    nbdev("nbdev_export", copy)
    ours, theirs = ROOT / "feste", copy / "feste"
    names = sorted({str(f.relative_to(folder)) for folder in (ours, theirs)
                    for f in folder.rglob("*.py")})
    assert any("fast" in name for name in names)
    _, differ, missing = filecmp.cmpfiles(ours, theirs, names, shallow=False)
    assert not differ + missing, (
        f"feste/ differs from the notebooks in {', '.join(differ + missing)}. "
        "Run: make export (or nbdev_export), and commit what changed. (If you edited feste/ by "
        "hand, first move the change into its notebook: the export overwrites it.)")


def test_import_beside_the_checkout(tmp_path):
    "A checkout called feste must not hide the package from a script in the folder around it."
    (tmp_path / "feste" / "data").mkdir(parents=True)
    code = "import feste; print(feste.data.manifest()['format'])"
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.strip() == "1", done.stderr


def test_notebooks_are_clean(copy):
    before = {f.name: f.read_bytes() for f in (copy / "nbs").glob("*.ipynb")}
    nbdev("nbdev_clean", copy)
    now = {f.name: f.read_bytes() for f in (copy / "nbs").glob("*.ipynb")}
    dirty = [name for name in before if now[name] != before[name]]
    assert not dirty, (f"{', '.join(dirty)} carry outputs or metadata. "
                       "Run: make export (or nbdev_clean), and commit what changed")


def tallest(part: str, source: str) -> int:
    """How many lines a cell may have: 40; 60 if it exports a class, 30 for other exports.

    In part 6 these may have 40 too: a kernel is compiled as one function.
    """
    exported = source.startswith("#| export")
    if exported and re.search(r"^class ", source, re.M): return 60
    return 30 if exported and part != "6" else 40


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_fit_the_page(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code": continue
        source = "".join(cell["source"])
        lines = [line for line in source.splitlines() if line.strip() and line[:2] != "#|"]
        limit = tallest(path.name[0], source)
        assert len(lines) <= limit, (
            f"{path.name}: {len(lines)} lines are more than {limit}; "
            f"split the cell: {lines[0]}")
        wide = [line for line in lines if len(line) > 96]
        assert not wide, (f"{path.name}: {len(wide[0])} columns do not fit the book's page; "
                          f"break the line: {wide[0]}")
