"""The same bits, whoever compiled, whatever was called before, however a batch is shared."""
import sys
from pathlib import Path

import pytest
from conftest import run

STEPS = """
import hashlib, sys
import numpy as np
f32, rng = np.float32, np.random.default_rng(0)

def softmax():
    from feste.fast.kernels import softmax_fwd
    softmax_fwd(rng.random((8, 8), f32), 1.0, 8)

def cross_entropy():
    from feste.fast.kernels import cross_entropy_fwd
    cross_entropy_fwd(rng.random((8, 8), f32), np.zeros(8, int), np.zeros(8, f32))

def norms():
    from feste.fast.kernels import gelu_fwd, layer_norm_fwd
    a = lambda *shape: rng.random(shape, f32)
    layer_norm_fwd(a(8, 8), a(8), a(8), a(8, 8), a(8), a(8))
    gelu_fwd(a(8, 8), a(8), a(8, 8))

def products():
    from feste.fast.matmul import gemm, sgemm
    for f in (sgemm, gemm): f(*rng.random((3, 9, 9), f32))

def blocks():
    from feste.fast.engine import attention_fwd, drop_key
    from feste.fast.matmul import SCRATCH, aligned
    attention_fwd(rng.random((8, 24), f32), 2, drop_key(0, (0, 0)), np.zeros((2, 8, 8), f32),
                  np.zeros((8, 8), f32), aligned(SCRATCH), np.zeros((8, 8), f32))

def tokenizer():
    from feste import tokenizer as t
    t.train("better a witty fool than a foolish wit " * 2000, 300)

for name in sys.argv[1:]: globals()[name]()
from feste.fast.engine import Engine
from feste.model import init, preset
cfg = preset("tiny")
flat = init(cfg)
grad, m, v = (np.zeros_like(flat) for _ in range(3))
engine, ids = Engine(cfg, 1), np.random.default_rng(1)
for step in range(20):
    X = ids.integers(0, cfg.V, (4, cfg.T + 1))
    grad[:] = 0
    engine.loss_and_grads(flat, grad, X[:, :-1], X[:, 1:], 0.1, (0, step))
    engine.update(flat, grad, m, v, step + 1, 1e-3, 0.1, limit=1.0)
whole = b"".join(a.tobytes() for a in (flat, m, v, engine.loss(flat, X[:, :-1], X[:, 1:])))
print(hashlib.sha256(whole).hexdigest())
"""


def steps(cache: Path, *before: str) -> str:
    "The hash of twenty steps in a process of their own, after some calls."
    done = run(sys.executable, "-c", STEPS, *before, FESTE_CACHE=str(cache))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    "A new folder for machine code."
    return tmp_path_factory.mktemp("machine-code")


@pytest.fixture(scope="module")
def cold(cache) -> str:
    "The first process: it compiles."
    assert not list(cache.iterdir())
    return steps(cache)


@pytest.mark.parametrize("before", [
    (), ("softmax",), ("cross_entropy",), ("norms", "products"), ("blocks",),
    ("tokenizer", "cross_entropy", "softmax")], ids=lambda b: "+".join(b) or "warm")
def test_steps_do_not_depend_on_what_came_before(cache, cold, before):
    assert steps(cache, *before) == cold


def test_steps_do_not_depend_on_where_machine_code_is_kept(cold, tmp_path):
    "Where no folder can be made, all is compiled in the process, here after other calls."
    (tmp_path / "file").touch()
    assert steps(tmp_path / "file" / "cache", "cross_entropy", "blocks") == cold


def test_command_line_and_python_train_the_same_model(cache, cold, tmp_path):
    "In Python after other compiled calls, as in a notebook; and stopped and resumed."
    text = "".join(f"Scene {i}. Better a witty fool than a foolish wit.\n" for i in range(900))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    options = ["--steps", "9", "--batch", "2", "--dropout", "0.1", "--threads", "1"]
    env = {"FESTE_CACHE": str(cache), "FESTE_HOME": str(tmp_path / "home")}
    told = run(sys.executable, "-m", "feste", "train", str(tmp_path / "told"),
               "--text", str(tmp_path / "text.txt"), *options, **env)
    assert told.returncode == 0, told.stderr
    code = f"""
import signal, sys
from pathlib import Path
from feste import data, model, runs, training
from feste.fast.kernels import cross_entropy_fwd
import numpy as np
cross_entropy_fwd(np.ones((8, 8), np.float32), np.zeros(8, int), np.zeros(8, np.float32))
root, corpus = Path({str(tmp_path)!r}), data.load({str(tmp_path / "text.txt")!r})
s = training.Settings(model.preset("tiny"), steps=9, batch=2, dropout=0.1, threads=1,
                      log_every=1)
stop = lambda folder, row: signal.raise_signal(signal.SIGINT) if row["step"] == 4 else None
assert not runs.train(root / "called", s, corpus, sinks=[stop], progress=False).done
assert runs.train(root / "called", corpus=corpus, progress=False).done
from feste.weights import load_weights
a, b = (load_weights(root / name / "checkpoints/step_0000009.safetensors")
        for name in ("told", "called"))
assert (a[0] == b[0]).all()
assert all((a[2][name] == b[2][name]).all() for name in ("optimizer.m", "optimizer.v"))
"""
    called = run(sys.executable, "-c", code, **env)
    assert called.returncode == 0, called.stderr[-3000:]
