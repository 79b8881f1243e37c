"""Feste: build a language model from nothing, and train it on Shakespeare.

Each module comes from one chapter of the course:

- `data`: texts with rights, cleaned, split and verified
- `tokenizer`: byte-level byte-pair encoding
- `tensors`: arrays from a flat list, what operations cost, how far sums can be trusted;
  with `tensors_roof`, `tensors_matmul` and `tensors_rows`: this machine's limits and
  the compiled kernels
- `model`: configuration, parameters and GPT-2's forward pass in NumPy
- `backprop`: every layer's backward twin, and the gradient check
- `training`: batches, AdamW, runs on disk that can be stopped and resumed
- `generation`: sampling and streaming
- `plots`, `widgets`, `cli`: figures, the panel for notebooks, the `feste` command

A first run, on the plays:

    from feste import data, model, training
    run = training.create_run("my-run", training.Settings(model.preset("tiny")), data.load())
    training.train(run)
"""
__version__ = "0.1.0"


def __getattr__(name: str):
    "Import a chapter's module when it is first asked for, so that `import feste` stays light."
    import importlib.util
    if name.startswith("_") or importlib.util.find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
