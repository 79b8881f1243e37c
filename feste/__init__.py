"""Feste: build a language model from nothing, and train it on Shakespeare.

Each module comes from one chapter of the course:

- `data`: a corpus, that is, documents with their rights, frozen splits and hashes
- `tokenizer`: byte-level byte-pair encoding
- `tensors`: arrays from a flat list, and how far a sum can be trusted
- `model`: configuration, parameters and GPT-2's forward pass in NumPy
- `ledger`: what each operation must cost, predicted and counted
- `weights`: weights in files that cannot run code; GPT-2's format, both ways
- `backprop`: every layer's backward twin, and the gradient check
- `optim`: AdamW, the learning rate's schedule, clipping
- `training`: batches, the step, the loop; the reference backend
- `generation`: from logits to text, and `LanguageModel`
- `runs`: a run is a folder that can be stopped, resumed and recorded
- `fast`: the compiled twins, optional: `jit`, `machine`, `matmul`, `kernels`, `engine`
  and `tokenizer`; `twins` finds them
- `plots`, `widgets`, `cli`: figures, widgets for notebooks, the `feste` command
- `files`, `random`, `records`: files that are whole or absent; random numbers from counters;
  run folders, read

A first run, on the plays, and a model that comes with the course:

    from feste import data, model, runs, training
    run = runs.create_run("my-run", training.Settings(model.preset("tiny")), data.load())
    run.train()

    import feste
    print(feste.load("tiny").generate("HAMLET:", max_tokens=50))
"""
from __future__ import annotations

__version__ = "0.1.0"
__all__ = [
    "backprop", "cli", "data", "fast", "files", "generation", "ledger", "load", "model",
    "optim", "plots", "random", "records", "runs", "tensors", "tokenizer", "training", "twins",
    "weights", "widgets",
]

TYPE_CHECKING = False   # true for type checkers and editors; `typing` takes ten times as long

if TYPE_CHECKING:
    from pathlib import Path

    from . import (
        backprop,
        cli,
        data,
        fast,
        files,
        generation,
        ledger,
        model,
        optim,
        plots,
        random,
        records,
        runs,
        tensors,
        tokenizer,
        training,
        twins,
        weights,
        widgets,
    )
else:
    def __getattr__(name):
        "Import a module when it is first asked for, so that `import feste` stays light."
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib
        return importlib.import_module(f"feste.{name}")

    def __dir__(): return sorted([*__all__, *(name for name in globals() if name[:2] == "__")])


def load(path: str | Path) -> generation.LanguageModel:
    """A trained model: a run's folder, a recording's, or a recording's name, such as "tiny".

    The short name of `feste.generation.LanguageModel.load`.
    """
    from .generation import LanguageModel
    return LanguageModel.load(path)
