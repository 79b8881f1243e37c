"""A training step beside PyTorch, interleaved, in one run.

    pip install torch==2.13.0       # for the peers; without it they are marked so
    python benchmarks/train.py
    python benchmarks/train.py --config tiny --config medium --rounds 9
    python benchmarks/train.py --avx2           # BLAS, numba and PyTorch all held to AVX2
    python benchmarks/train.py --record data/recordings/benchmarks/train.json

A step is forward, backward, clipping by norm and AdamW. The peers are a GPT-2 with PyTorch's
own layers and `scaled_dot_product_attention`, whole batches, fused AdamW: eager, compiled, and
each in bfloat16 by autocast. Each peer is a process of its own, and they are interleaved round
by round, so that a busy moment falls on all. All get memory settings under which large arrays
are not given back to the system, only to be faulted in again: PyTorch gains by that.

Two processes more are interleaved with them: a loop of multiply-adds in registers, the peak,
and BLAS's product of two large matrices. What a step's matrix products need at least, of causal
attention half, is set in relation to both.
"""
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import threading
import time

import click

BATCH = {"tiny": 8, "small": 8, "medium": 8, "pocket-bard": 8, "gpt2-small": 2}
PEERS = ("feste", "eager", "compile", "eager bf16", "compile bf16")
# operations: for each thread (12 chains, 16 lanes); in all
LIMITS = {"roof": 2 * 20_000_000 * 12 * 16, "sgemm": 2 * 2048**3}
HELD = {
    "OPENBLAS_CORETYPE": "Haswell", "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma", "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


def feste_step(cfg, dropout: float, threads: int):
    "One step of ours: a function of inputs and targets."
    import numpy as np

    from feste.fast.engine import Engine
    from feste.model import init
    flat = init(cfg)
    grad, m, v = (np.zeros_like(flat) for _ in range(3))
    engine, done = Engine(cfg, threads), 0

    def step(X, Y):
        nonlocal done
        done += 1
        grad[:] = 0
        loss = engine.loss_and_grads(flat, grad, X, Y, dropout, (0, done))
        engine.update(flat, grad, m, v, done, 3e-4, 0.1, limit=1.0)
        return loss
    return step


def torch_step(cfg, dropout: float, threads: int, compiled: bool, bf16: bool):
    "One step of PyTorch's."
    import torch
    from torch import nn
    from torch.nn import functional as F
    torch.set_num_threads(threads)
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            C = cfg.C
            self.ln_1, self.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
            self.c_attn, self.c_proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
            self.c_fc, self.out = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
            self.drop = nn.Dropout(dropout)

        def forward(self, x):
            B, T, C = x.shape
            qkv = self.c_attn(self.ln_1(x)).view(B, T, 3, cfg.H, C // cfg.H)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(
                q, k, v, dropout_p=dropout if self.training else 0.0, is_causal=True)
            x = x + self.drop(self.c_proj(y.transpose(1, 2).reshape(B, T, C)))
            h = F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
            return x + self.drop(self.out(h))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(cfg.V, cfg.C), nn.Embedding(cfg.T, cfg.C)
            self.blocks = nn.ModuleList(Block() for _ in range(cfg.L))
            self.ln_f, self.head = nn.LayerNorm(cfg.C), nn.Linear(cfg.C, cfg.V, bias=False)
            self.drop = nn.Dropout(dropout)

        def forward(self, X, Y):
            x = self.drop(self.wte(X) + self.wpe.weight)
            for block in self.blocks: x = block(x)
            logits = self.head(self.ln_f(x))
            return F.cross_entropy(logits.view(-1, cfg.V), Y.view(-1))

    model = GPT()
    for w in model.parameters():
        if w.ndim == 2: nn.init.normal_(w, std=0.02)
    groups = [dict(params=[w for w in model.parameters() if (w.ndim == 2) == decays],
                   weight_decay=.1 * decays) for decays in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=3e-4, betas=(.9, .98), fused=True)
    run = torch.compile(model) if compiled else model

    def step(X, Y):
        X, Y = torch.from_numpy(X), torch.from_numpy(Y)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16): loss = run(X, Y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return loss.item()
    return step


def limit_step(name: str, threads: int):
    "One piece of work that shows a limit of the machine."
    import numpy as np
    import threadpoolctl

    from feste.fast.machine import fma_8, fma_16, in_threads, peak_flops
    if name == "roof":
        rates = peak_flops()
        widest = max((8, 16), key=rates.get)
        n = 20_000_000 * 16 // widest
        run = in_threads(lambda _: (fma_8, fma_16)[widest // 16](n, np.float32(.5)), threads)
        def step(X, Y): run()
        return step
    threadpoolctl.threadpool_limits(threads, "blas")
    a = np.ones((2048, 2048), np.float32)
    out = np.empty_like(a)
    return lambda X, Y: np.matmul(a, a, out=out)[0, 0]


def step_flops(cfg, batch: int) -> int:
    "What the matrix products of a step need: forward, and twice that backward."
    return 6 * batch * cfg.T * (12 * cfg.L * cfg.C**2 + cfg.V * cfg.C + cfg.L * cfg.T * cfg.C)


def worker(peer: str, config: str, dropout: float, threads: int) -> None:
    """Make ready, then for each number on standard input take so many steps.

    Prints how long each took.
    """
    import numpy as np

    from feste.model import preset
    cfg, batch = preset(config), BATCH[config]
    if peer in LIMITS: step = limit_step(peer, threads)
    elif peer == "feste": step = feste_step(cfg, dropout, threads)
    else: step = torch_step(cfg, dropout, threads, "compile" in peer, "bf16" in peer)
    rng = np.random.default_rng(1)
    X, Y = rng.integers(0, cfg.V, (2, 8, batch, cfg.T))
    for i in range(2): loss = step(X[i], Y[i])
    print(json.dumps(float(loss or 0)), flush=True)
    for line in sys.stdin:
        spent = []
        for i in range(int(line)):
            start = time.perf_counter()
            step(X[i % 8], Y[i % 8])
            spent.append(time.perf_counter() - start)
        print(json.dumps(spent), flush=True)


class Peer:
    "A process that takes steps when it is asked to."
    def __init__(self, name: str, config: str, dropout: float, threads: int, env: dict):
        own = [sys.executable, __file__, "--worker", name, "--config", config,
               "--dropout", str(dropout), "--threads", str(threads)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(own, env=env, text=True, **pipes)
        self.errors: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.ready = bool(self.process.stdout.readline())

    def _listen(self) -> None:
        for line in self.process.stderr: self.errors += [line.strip()]

    def take(self, steps: int) -> float:
        """The median of so many steps, in seconds.

        One more before does not count, for the CPU caches were another's.
        """
        time.sleep(0.2)         # threads of the one before may still spin
        print(steps + 1, file=self.process.stdin, flush=True)
        return statistics.median(json.loads(self.process.stdout.readline())[1:])

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def versions() -> dict[str, str]:
    "Machine and versions, for a record."
    import importlib.metadata as metadata

    import llvmlite.binding
    found = {"machine": f"{llvmlite.binding.get_host_cpu_name()}, {os.cpu_count()} cores",
             "Python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "torch"):
        try: found[name] = metadata.version(name)
        except metadata.PackageNotFoundError: found[name] = "not installed"
    return found


def keep(path: pathlib.Path, head: dict, rows: list[dict]) -> None:
    "Write a record; what it has of the same machine, versions and settings stays, row by row."
    from feste.files import write_json
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    key = lambda row: (row["config"], row["dropout"])
    same = {k: before.get(k) for k in head} == head
    old = {key(row): row for row in before.get("rows", [])} if same else {}
    both = old | {key(row): row for row in rows}
    order = lambda row: (list(BATCH).index(row["config"]), row["dropout"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, head | {"rows": sorted(both.values(), key=order)})


def say(config: str, rate: float, ms: dict[str, float], errors: dict[str, list[str]]) -> None:
    "Print a row's times, and why a peer has none."
    def one(name: str, ours: float | None) -> str:
        if name not in ms:
            why = (errors[name] or ["no reason given"])[-1]
            return f"{name} cannot run this: {why[:80]}"
        ratio = f" ({ms[name] / ours:.2f}x)" if ours and name != "feste" else ""
        return f"{name} {ms[name]:.1f} ms{ratio}"

    found = "; ".join(one(name, ms.get("feste")) for name in errors)
    click.echo(f"{config:12}dropout {rate}, batch {BATCH[config]}: {found}")


def measure(config: str, rate: float, peers, rounds: int, threads: int, env: dict) -> dict:
    "One row of the record: every peer's milliseconds, and what the machine's limits are."
    from feste.model import preset
    started = {name: Peer(name, config, rate, threads, env) for name in (*peers, *LIMITS)}
    able = {name: p for name, p in started.items() if p.ready}
    spent = {name: [] for name in able}
    steps = {name: max(1, int(0.5 / p.take(2))) for name, p in able.items()}
    for _ in range(rounds):
        for name, p in able.items(): spent[name].append(1000 * p.take(steps[name]))
    for p in able.values(): p.end()
    ms = {name: statistics.median(s) for name, s in spent.items()}
    say(config, rate, ms, {name: started[name].errors for name in peers})
    flops, ours = step_flops(preset(config), BATCH[config]), ms.get("feste")
    each = {"roof": threads, "sgemm": 1}
    limits = {name: n * each[name] / ms[name] / 1e6 for name, n in LIMITS.items()}  # GFLOP/s
    if ours:
        got = flops / ours / 1e6
        parts = ", ".join(f"{got / limit:.0%} of {name}'s {limit:.0f}"
                          for name, limit in limits.items())
        click.echo(f"            {got:.0f} GFLOP/s of feste's: {parts}")
    return dict(config=config, dropout=rate, batch=BATCH[config], flops=flops, limits=limits,
                ms={name: ms.get(name) for name in peers})


@click.command(help=__doc__.replace("\n    ", "\n\n\b\n    ", 1))
@click.option("--config", "configs", multiple=True, type=click.Choice(list(BATCH)),
              default=list(BATCH), help="Models to try.  [default: all]")
@click.option("--peer", "peers", multiple=True, type=click.Choice(PEERS), default=PEERS,
              help="Who takes part.  [default: all]")
@click.option("--dropout", "rates", multiple=True, type=click.FloatRange(0, 1, max_open=True),
              default=(0.0, 0.1), help="[default: 0 and 0.1]")
@click.option("--rounds", default=5, show_default=True,
              help="Rounds that the medians are taken of.")
@click.option("--threads", default=2, show_default=True, help="Threads for every peer.")
@click.option("--avx2", is_flag=True, help="Hold all of them to AVX2.")
@click.option("--record", type=click.Path(), default=None,
              help="A file to write the figures to, as JSON.")
@click.option("--worker", "only", hidden=True)
def main(configs, peers, rates, rounds, threads, avx2, record, only) -> None:
    if only: return worker(only, configs[0], rates[0], threads)
    env = {**os.environ, **KEEP_MEMORY, **(HELD if avx2 else {})}
    if not avx2: env.pop("OPENBLAS_CORETYPE", None)             # BLAS is free to choose
    found, rows = versions(), []
    click.echo(", ".join(f"{k} {v}" for k, v in found.items())
               + f", {threads} threads, {'all held to AVX2' if avx2 else 'free'}")
    for config in configs:
        for rate in rates:
            rows.append(measure(config, rate, peers, rounds, threads, env))
            head = dict(versions=found, threads=threads, avx2=avx2, rounds=rounds)
            if record: keep(pathlib.Path(record), head, rows)


if __name__ == "__main__": main()
