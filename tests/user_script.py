"""What a user's script sees of the package.

mypy checks it (`make lint`): no answer is `Any`.

    python tests/user_script.py
"""
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import assert_type

import numpy as np

import feste
from feste import runs, training, twins
from feste.fast.engine import Engine
from feste.generation import LanguageModel
from feste.model import Config, init, preset
from feste.plots import LivePlot
from feste.tokenizer import Tokenizer


def write(name: str) -> str:
    "Text by a model that comes with the course."
    model = feste.load(name)
    assert_type(model, LanguageModel)
    assert_type(model, feste.generation.LanguageModel)
    assert_type(model.cfg, Config)
    assert_type(model.tokenizer, Tokenizer)
    assert_type(model.params, dict[str, np.ndarray])
    assert_type(model.stream("HAMLET:", max_tokens=3), Iterator[str])
    text = model.generate("HAMLET:", max_tokens=5, temperature=0.8, top_k=40, seed=1)
    assert_type(text, str)
    return text


def there_and_back(text: str) -> str:
    "A text, cut and joined again."
    tok = Tokenizer([])
    ids = tok.encode(text)
    assert_type(ids, list[int])
    assert_type(tok.decode(ids), str)
    return tok.decode(ids)


def losses(backend: training.Backend, cfg: Config) -> np.ndarray:
    "Each token's loss, by whichever backend."
    rng = np.random.default_rng(0)
    X, Y = rng.integers(0, cfg.V, (2, 3, cfg.T))
    flat = init(cfg, 0)
    assert_type(flat, np.ndarray)
    found = backend.loss(flat, X, Y)
    assert_type(found, np.ndarray)
    grad = np.zeros_like(flat)
    assert_type(backend.loss_and_grads(flat, grad, X, Y), float)
    return found


def both_backends(cfg: Config) -> None:
    "The reference and the engine are one contract."
    assert_type(cfg.C, int)
    flat, ids = init(cfg, 0), np.zeros((1, cfg.T), int)
    engine, reference = Engine(cfg), training.Reference(cfg)
    assert_type(engine.loss(flat, ids, ids), np.ndarray)
    assert_type(reference.loss(flat, ids, ids), np.ndarray)
    np.testing.assert_allclose(losses(engine, cfg), losses(reference, cfg), rtol=1e-4)
    engine.close()


def folders(folder: Path) -> None:
    "Never called: what the types of runs and twins are."
    assert_type(twins.fast("engine"), ModuleType | None)
    assert_type(feste.fast.engine.Engine(preset("tiny")), Engine)
    assert_type(runs.resume_run(folder), runs.Run)
    with runs.resume_run(folder) as run: assert_type(run, runs.Run)
    assert_type(run.train(sinks=[print, LivePlot()]), runs.Run)


if __name__ == "__main__":
    assert there_and_back("To be, or not to be") == "To be, or not to be"
    both_backends(preset("tiny"))
    print(write("tiny"))
