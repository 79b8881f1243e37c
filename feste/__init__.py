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
- `watch`: alerts, a table of runs, where a step's time goes, TensorBoard
- `fast`: the compiled twins, optional: `jit`, `machine`, `matmul`, `kernels`, `engine`
  and `tokenizer`; `twins` finds them
- `plots`, `drawings`, `widgets`, `cli`: figures, schematics, widgets for notebooks, the
  `feste` command
- `files`, `checks`, `random`, `records`: files that are whole or absent; what arguments may
  be; random numbers from counters; run folders, read

A first run, on the plays, and a model that comes with the course:

    from feste import data, model, runs, training
    run = runs.create_run("my-run", training.Settings(model.preset("tiny")), data.load())
    run.train()

    import feste
    print(feste.load("tiny").generate("HAMLET:", max_tokens=50))
"""
__version__ = "0.1.0"

TYPE_CHECKING = False   # true for type checkers and editors; `typing` takes ten times as long

if TYPE_CHECKING:
    from . import (
        backprop,
        checks,
        cli,
        data,
        drawings,
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
        watch,
        weights,
        widgets,
    )
    from .generation import load

    __all__ = [
        "backprop", "checks", "cli", "data", "drawings", "fast", "files", "generation",
        "ledger", "load", "model", "optim", "plots", "random", "records", "runs",
        "tensors", "tokenizer", "training", "twins", "watch", "weights", "widgets",
    ]
else:                   # a module is imported when it is first asked for
    import lazy_loader

    __getattr__, __dir__, __all__ = lazy_loader.attach(
        __name__, submod_attrs={"generation": ["load"]}, submodules=(
            "backprop checks cli data drawings fast files generation ledger model optim plots random "
            "records runs tensors tokenizer training twins watch weights widgets").split())
