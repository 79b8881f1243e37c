"""Notebooks and package agree, notebooks are clean, and nothing is committed that should not be."""
import filecmp
import json
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
    for name in ("nbs", "feste"): shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    return to


def nbdev(command: str, cwd: Path):
    "One of nbdev's commands, from the environment of these tests."
    done = run(shutil.which(command, path=Path(sys.executable).parent), cwd=cwd)
    assert done.returncode == 0, done.stderr


def test_the_package_is_what_the_notebooks_export(copy):
    nbdev("nbdev_export", copy)
    names = sorted({f.name for folder in (ROOT, copy) for f in (folder / "feste").glob("*.py")})
    _, differ, missing = filecmp.cmpfiles(ROOT / "feste", copy / "feste", names, shallow=False)
    assert not differ + missing, f"feste/ differs from the notebooks in {', '.join(differ + missing)}. Run: make export (or nbdev_export), and commit what changed. (If you edited feste/ by hand, first move the change into its notebook: the export overwrites it.)"


def test_import_beside_the_checkout(tmp_path):
    "A checkout called feste must not hide the package from a script in the folder around it."
    (tmp_path / "feste" / "data").mkdir(parents=True)
    done = run(sys.executable, "-c", "import feste; print(feste.data.manifest()['format'])", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.strip() == "1", done.stderr


def test_notebooks_are_clean(copy):
    before = {f.name: f.read_bytes() for f in (copy / "nbs").glob("*.ipynb")}
    nbdev("nbdev_clean", copy)
    dirty = [f.name for f in (copy / "nbs").glob("*.ipynb") if f.read_bytes() != before[f.name]]
    assert not dirty, f"{', '.join(dirty)} carry outputs or metadata. Run: make export (or nbdev_clean), and commit what changed"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_fit_the_page(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code": continue
        lines = [l for l in "".join(cell["source"]).splitlines() if l.strip()]
        assert len(lines) <= 40, f"{path.name}: a cell of {len(lines)} lines wants splitting: {lines[0]}"
        wide = [l for l in lines if len(l) > 96]
        assert not wide, f"{path.name}: {len(wide[0])} columns do not fit the book's page; break the line: {wide[0]}"
