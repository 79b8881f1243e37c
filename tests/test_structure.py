"""How the package is built: layers, what an import loads, and what it may compile.

The table of layers stands in pyproject.toml, under `[tool.feste]`.
"""
import ast
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, run

PACKAGE = ROOT / "feste"
TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["feste"]
BY_HAND = {"feste", "feste.__main__", "feste.fast"}     # what no notebook writes


def modules() -> dict[str, Path]:
    "Every module of the package by its name, less nbdev's index."
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: path for name, path in found.items() if name != "feste._modidx"}


def targets(node: ast.AST, package: list[str]) -> list[str]:
    "The names that an import statement asks for, spelled out in full."
    if isinstance(node, ast.Import): return [alias.name for alias in node.names]
    base = package[:len(package) - node.level + 1] if node.level else []
    base = ".".join(base + ([node.module] if node.module else []))
    return [f"{base}.{alias.name}" for alias in node.names]


def chains(tree: ast.AST) -> list[str]:
    "Dotted names that begin at the package, as in `feste.cli.main`; also by another name."
    roots = {"feste"} | {alias.asname for node in ast.walk(tree) if isinstance(node, ast.Import)
                         for alias in node.names if alias.name == "feste" and alias.asname}
    found = []
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute): parts, node = [node.attr, *parts], node.value
        if parts and isinstance(node, ast.Name) and node.id in roots:
            found.append(".".join(["feste", *parts]))
    return found


def reached(source: str, package: list[str]) -> set[str]:
    "The modules of the package that some code imports, or reaches through the package."
    tree, every, found = ast.parse(source), modules(), set()
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    for target in [*(t for n in statements for t in targets(n, package)), *chains(tree)]:
        while target and target not in every: target = target.rpartition(".")[0]
        if target: found.add(target)
    return found - {"feste"}        # the package itself imports nothing


def imports(name: str) -> set[str]:
    "The same for a module of the package."
    path = modules()[name]
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    return reached(path.read_text(encoding="utf-8"), package)


def by_string(source: str) -> list[str]:
    "What `importlib` or `__import__` is asked for by a string that names the package."
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and node.args): continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called not in ("import_module", "__import__", "find_spec"): continue
        first = node.args[0]
        if isinstance(first, ast.JoinedStr) and first.values: first = first.values[0]
        name = getattr(first, "value", None)
        if isinstance(name, str) and name.split(".")[0] in ("", "feste"): found.append(name)
    return found


def level(name: str) -> int:
    "The number of a reference module's layer, from above."
    return next(i for i, layer in enumerate(TABLE["layers"]) if name in layer)


def fast_level(name: str) -> int:
    "The same for a compiled twin."
    return next(i for i, layer in enumerate(TABLE["fast"]["layers"]) if name in layer)


REFERENCE = [n for n in modules() if n not in BY_HAND and not n.startswith("feste.fast.")]
FAST = [n for n in modules() if n.startswith("feste.fast.")]


def test_the_table_names_every_module():
    assert sorted(f"feste.{n}" for layer in TABLE["layers"] for n in layer) == REFERENCE
    assert sorted(f"feste.fast.{n}" for layer in TABLE["fast"]["layers"] for n in layer) == FAST
    assert sorted(f"feste.fast.{n}" for n in TABLE["fast"]["beside"]) == FAST


@pytest.mark.parametrize("name", REFERENCE)
def test_imports_point_up_the_table(name):
    own = level(name.removeprefix("feste."))
    for other in imports(name):
        assert not other.startswith("feste.fast"), (
            f"{name} imports {other}: only feste.twins may reach it, when first asked")
        assert level(other.removeprefix("feste.")) < own, (
            f"{name} imports {other}, which is not in a layer above it")


@pytest.mark.parametrize("name", FAST)
def test_twins_import_what_they_stand_beside(name):
    short = name.removeprefix("feste.fast.")
    limit = level(TABLE["fast"]["beside"][short])
    for other in imports(name) - {"feste.fast"}:
        if other in FAST:
            assert fast_level(other.removeprefix("feste.fast.")) < fast_level(short), (
                f"{name} imports {other}, which is not in a layer above it")
        else:
            assert level(other.removeprefix("feste.")) <= limit, (
                f"{name} imports {other}, which is below what it stands beside")


def test_only_twins_imports_by_string():
    for name in [*REFERENCE, *FAST]:
        text = modules()[name].read_text(encoding="utf-8")
        constants = [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant)]
        named = [c for c in constants if isinstance(c, str) and c.startswith("feste.fast.")]
        found = named * (name in REFERENCE) + by_string(text)
        assert name == "feste.twins" or not found, f"{name} asks for {found}"


@pytest.mark.parametrize(("source", "expected"), [
    ("import feste\ndef f(): return feste.cli.main", {"feste.cli"}),
    ("import feste as f\nf.fast.engine.Engine(1).close()", {"feste.fast", "feste.fast.engine"}),
    ("from . import cli", {"feste.cli"}),
    ("from .fast import engine", {"feste.fast.engine"}),
    ("import feste.cli as c", {"feste.cli"}),
    ("from feste.model import init", {"feste.model"}),
    ("import feste\nfeste.__version__, x.feste.cli", set()),
])
def test_these_tests_see_what_code_reaches(source, expected):
    assert reached(source, ["feste"]) == expected


@pytest.mark.parametrize(("source", "expected"), [
    ("import importlib\nimportlib.import_module(f'feste.fast.{name}')", ["feste.fast."]),
    ("from importlib import import_module\nimport_module('.cli', 'feste')", [".cli"]),
    ("__import__('feste')", ["feste"]),
    ("importlib.import_module(name), importlib.import_module('json')", []),
    ("importlib.resources.files('feste')", []),
])
def test_these_tests_see_imports_by_string(source, expected):
    assert by_string(source) == expected


@pytest.mark.parametrize("name", ["plots", "drawings", "widgets"])
def test_figures_and_widgets_take_values(name):
    "Run folders and values; never an object that owns buffers and threads."
    allowed = {"plots": {"feste.records", "feste.files", "feste.checks"}}
    allowed["drawings"] = {"feste.plots", "feste.checks"}
    allowed["widgets"] = allowed["plots"] | {"feste.plots", "feste.tokenizer"}
    assert imports(f"feste.{name}") <= allowed[name]


@pytest.mark.parametrize("name", [*REFERENCE, *FAST])
def test_a_notebook_writes_it(name):
    first = modules()[name].read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# AUTOGENERATED! DO NOT EDIT! File to edit: ")
    notebook = Path(first.split(": ")[1].rstrip("."))
    assert (ROOT / "nbs" / notebook.name).is_file()


@pytest.mark.parametrize("name", sorted(modules()))
def test_methods_stand_in_their_class(name):
    "Type checkers and readers do not see what fastcore's `patch` adds elsewhere."
    for node in ast.walk(ast.parse(modules()[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not any(t.startswith("fastcore") for t in targets(node, ["feste"]))


def loaded(code: str, *looked_for: str) -> list[str]:
    "Which of the modules a fresh process has loaded after some code."
    done = run(sys.executable, "-c", code + "\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return sorted({*looked_for} & {*done.stdout.splitlines()[-1].split()})


COMPILER = ("numba", "llvmlite", "feste.fast")


def test_the_package_alone_loads_nothing():
    heavy = ("numpy", "matplotlib", "anywidget", "typing", "numba", "llvmlite")
    assert loaded("import feste; dir(feste)", *heavy, "feste.fast") == []
    assert loaded("import feste; dir(feste.fast)", *heavy, *FAST) == []


@pytest.mark.parametrize("names", [
    "feste.runs, feste.weights, feste.generation, feste.plots", ", ".join(REFERENCE)],
    ids=["what the book promises", "all that are no twins"])
def test_imports_load_no_compiler(names):
    assert loaded(f"import {names}", *COMPILER) == []


def test_help_loads_no_compiler():
    code = ("from click.testing import CliRunner; from feste.cli import main; "
            "assert 'Commands' in CliRunner().invoke(main, ['--help']).output")
    assert loaded(code, *COMPILER) == []


@pytest.mark.parametrize(("package", "public"), [
    ("feste", {n.removeprefix("feste.") for n in REFERENCE} | {"fast", "load"}),
    ("feste.fast", {n.removeprefix("feste.fast.") for n in FAST})])
def test_names_that_editors_complete(package, public):
    code = (f"import feste; print(*[n for n in dir({package}) if n[:2] != '__']); "
            f"print(*{package}.__all__)")
    for line in run(sys.executable, "-c", code).stdout.splitlines():
        assert set(line.split()) == public
    tree = ast.parse(modules()[package].read_text(encoding="utf-8"))
    declared = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
                for alias in node.names if node.level and not node.module}
    assert declared == public - {"load"}


def test_compiled_modules_come_when_asked_for():
    code = """
import feste
print(feste.fast.engine.Engine.__name__)
try: feste.fast.steam
except AttributeError as e: print(e)
"""
    done = run(sys.executable, "-c", code)
    assert done.stdout.splitlines() == ["Engine", "No feste.fast attribute steam"], done.stderr


def test_python_m_feste():
    done = run(sys.executable, "-m", "feste", "--version")
    assert done.returncode == 0 and done.stdout == "feste, version 0.1.0\n", done.stderr


WATCH = """
import importlib
from numba.core.compiler import CompilerBase
names, compile = [], CompilerBase.compile_extra
def note(self, func):
    names.append(func.__qualname__)
    return compile(self, func)
CompilerBase.compile_extra = note
importlib.import_module("{name}")
print(", ".join(names))
"""


@pytest.mark.parametrize("name", FAST)
def test_nothing_compiles_at_import(name, tmp_path):
    "Also not a callback, which numba compiles where it is decorated."
    done = run(sys.executable, "-c", WATCH.format(name=name), FESTE_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", f"importing {name} compiles: {done.stdout}"


def test_the_reference_serves_where_numba_is_missing(tmp_path):
    code = """
import sys
sys.modules["numba"] = None
import numpy as np, feste
assert feste.twins.fast("engine") is None and feste.twins.fast("tokenizer") is None
tok = feste.tokenizer.train("To be, or not to be, that is the question. " * 9, 270)
assert tok.decode(tok.encode("to be")) == "to be"
print(len(feste.load("tiny").generate("HAMLET:", max_tokens=3)))
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0 and int(done.stdout) > 7, done.stderr


def test_a_users_script_runs():
    done = run(sys.executable, "tests/user_script.py")
    assert done.returncode == 0 and done.stdout.startswith("HAMLET:"), done.stderr


def test_a_configuration_is_told_everywhere():
    "Each field of a model's configuration has an option, a proof, and a rule for GPT-2."
    from dataclasses import fields, replace

    from feste import cli, model, weights
    options = {p.name for p in cli.main.commands["train"].params}
    sizes = {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head"}
    names = {f.name for f in fields(model.Config)}
    assert names == sizes | set(model.CHOICES), "a field is neither a size nor a choice"
    assert set(model.CHOICES) <= options, "a choice has no option: see feste.cli"
    assert set(weights.GPT2_CHOICES) == set(model.CHOICES), "a choice has no GPT-2 rule"
    assert set(sizes) <= set(weights.gpt2_config(model.preset("tiny")))
    made = [replace(model.preset("tiny"), **changes) for changes in model.KINDS.values()]
    for name, choice in model.CHOICES.items():      # every proof goes through KINDS
        assert {getattr(cfg, name) for cfg in made} == set(choice.values)
