"""Our kernels beside BLAS and NumPy, interleaved, in one run, on one thread.

    python benchmarks/tensors.py
    python benchmarks/tensors.py --avx2         # BLAS and numba both held to AVX2
    python benchmarks/tensors.py --rounds 25

Matrix products: our own `sgemm`; `gemm`, the bridge, called from compiled code; the same BLAS
function called bare; NumPy's matmul, which brings a BLAS of its own. Rows: the compiled kernels
beside the same formulas in NumPy, in place where the kernel is (so results become inputs; the
work does not depend on their values). NumPy's own exponential is not held by --avx2.
"""
import os
import platform
import statistics
import subprocess
import sys
import time

import click
import numpy as np

HELD = {"OPENBLAS_CORETYPE": "Haswell", "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma"}
PRODUCTS = ((64, 32, 64), (64, 64, 64), (256, 256, 1024), (448, 256, 1024), (512, 512, 512),
            (1024, 1024, 1024))
f32, RNG = np.float32, np.random.default_rng(0)


def interleaved(jobs: dict, rounds: int, times: int) -> dict[str, tuple[float, float]]:
    "Seconds of one call of each job, (median, best); a busy moment falls on all."
    for f in jobs.values(): f()
    spent = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, f in jobs.items():
            start = time.perf_counter()
            for _ in range(times): f()
            spent[name].append((time.perf_counter() - start) / times)
    return {name: (statistics.median(s), min(s)) for name, s in spent.items()}


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(f32)


def products(rounds: int) -> None:
    "Print the rates of matrix products."
    import numba

    from feste.fast import machine, matmul

    @numba.njit
    def many_gemm(times, a, b, out):
        for _ in range(times): matmul.gemm(a, b, out)

    @numba.njit
    def many_bare(times, a, b, out):
        (m, k), n = a.shape, b.shape[1]
        one, zero = np.float32(1), np.float32(0)
        for _ in range(times):
            matmul.call_blas(78, 78, n, m, k, one, b, n, a, k, zero, out, n)

    click.echo(f"matrix products, GFLOP/s, medians (best) of {rounds} interleaved rounds; "
               f"our register tile has {machine.LANES} lanes")
    for m, k, n in PRODUCTS:
        a, b, out = normal(m, k), normal(k, n), normal(m, n)
        inner = max(1, int(5e7 / (2 * m * k * n)))
        jobs = {
            "ours": lambda: [matmul.sgemm(a, b, out) for _ in range(inner)],
            "gemm": lambda: many_gemm(inner, a, b, out),
            "bare BLAS": lambda: many_bare(inner, a, b, out),
            "NumPy": lambda: [np.matmul(a, b, out=out) for _ in range(inner)],
        }
        spent = interleaved(jobs, rounds, 1)
        rate = {name: [2 * m * k * n * inner / s / 1e9 for s in both]
                for name, both in spent.items()}
        ours, gemm, bare = (rate[name][0] for name in ("ours", "gemm", "bare BLAS"))
        click.echo(f"{f'{m} x {k} x {n}':20}"
                   + "  ".join(f"{name} {r[0]:6.1f} ({r[1]:.1f})" for name, r in rate.items())
                   + f"   ours/bare {ours / bare:.2f}, gemm/bare {gemm / bare:.2f}")


def softmax(x: np.ndarray) -> None:
    e = np.exp(x - x.max(-1, keepdims=True))
    x[:] = e / e.sum(-1, keepdims=True)


def layer_norm(x, w, b, out, mean, rstd) -> None:
    mean[:] = x.mean(-1)
    centred = x - mean[:, None]
    rstd[:] = 1 / np.sqrt((centred * centred).mean(-1) + f32(1e-5))
    out[:] = centred * rstd[:, None] * w + b


def gelu(x, b, out) -> None:
    x += b
    out[:] = f32(.5) * x * (f32(1) + np.tanh(f32(.7978846) * (x + f32(.044715) * x * x * x)))


def cross_entropy(logits, targets, scale, losses) -> None:
    shifted = logits - logits.max(-1, keepdims=True)
    e, at = np.exp(shifted), np.arange(len(logits))
    total = e.sum(-1)
    losses[:] = np.log(total) - shifted[at, targets]
    logits[:] = e * (scale / total)[:, None]
    logits[at, targets] -= scale


def adamw(p, g, m, v, step, lr, decay, beta1, beta2, eps, scale) -> None:
    g = g * f32(scale)
    m[:] = f32(beta1) * m + f32(1 - beta1) * g
    v[:] = f32(beta2) * v + f32(1 - beta2) * g * g
    p *= f32(1 - lr * decay)
    p -= f32(lr / (1 - beta1**step)) * m / (np.sqrt(v * f32(1 / (1 - beta2**step))) + f32(eps))


def rows(rounds: int, limits) -> None:
    "Print what each kernel reaches of the machine's limits, beside NumPy."
    from feste import ledger
    from feste.fast import kernels

    x, out = normal(8, 1024), normal(8, 1024)
    jobs = {"ours": lambda: kernels.exp_rows(x, out), "NumPy": lambda: np.exp(x, out=out)}
    spent = interleaved(jobs, rounds, 2000)
    click.echo("exp, ns an element: " + "  ".join(
        f"{name} {s / x.size * 1e9:.3f} (best {best / x.size * 1e9:.3f})"
        for name, (s, best) in spent.items()))

    T, C, V, H = 256, 256, 1536, 4                      # the medium model, one sequence
    scores, hidden, logits = normal(H * T, T), normal(T, 4 * C), normal(T, V)
    flat = [normal(1 << 22) for _ in range(3)] + [normal(1 << 22) ** 2]
    bias, kept = np.zeros(4 * C, f32), normal(2, T)
    targets, losses = RNG.integers(0, V, T), normal(T)
    work, update = normal(T, 4 * C), (*flat, 1, 1e-3, .1, .9, .98, 1e-8, 1.)
    norm, loss = (hidden, bias, bias, work, kept[0], kept[1]), (logits, targets, f32(1), losses)
    found = {
        "softmax": (scores.shape, lambda: kernels.softmax_fwd(scores, f32(1), T),
                    lambda: softmax(scores)),
        "layer_norm": (hidden.shape, lambda: kernels.layer_norm_fwd(*norm),
                       lambda: layer_norm(*norm)),
        "gelu": (hidden.shape, lambda: kernels.gelu_fwd(hidden, bias, work),
                 lambda: gelu(hidden, bias, work)),
        "cross_entropy": (logits.shape, lambda: kernels.cross_entropy_fwd_bwd(*loss),
                          lambda: cross_entropy(*loss)),
        "adamw": (flat[0].shape, lambda: kernels.adamw(*update), lambda: adamw(*update)),
    }
    click.echo("rows, interleaved medians")
    for name, (shape, ours, numpy) in found.items():
        times = 1 if name == "adamw" else 10
        spent = interleaved({"ours": ours, "NumPy": numpy}, rounds, times)
        c, own, other = ledger.cost(name, shape), spent["ours"][0], spent["NumPy"][0]
        click.echo(f"{name:14} ours {c.bytes / own / 1e9:5.1f} GB/s "
                   f"{c.flops / own / 1e9:5.1f} GFLOP/s, {limits.share(c, own):.0%} of the "
                   f"roofline; {other / own:.1f} times as fast as NumPy")


@click.command(help=__doc__.replace("\n    ", "\n\n\b\n    ", 1))
@click.option("--rounds", default=15, show_default=True,
              help="Rounds that the medians are taken of.")
@click.option("--avx2", is_flag=True, help="Hold BLAS and numba to AVX2, in a fresh process.")
def main(rounds: int, avx2: bool) -> None:
    if avx2 and platform.machine() not in ("x86_64", "AMD64"):
        raise click.UsageError(f"--avx2 is for x86-64 processors; this is {platform.machine()}")
    if avx2:            # must be known before either is loaded
        again = [sys.executable, __file__, "--rounds", str(rounds)]
        sys.exit(subprocess.run(again, env=os.environ | HELD).returncode)
    import numba
    from threadpoolctl import threadpool_limits

    from feste.fast import machine
    with threadpool_limits(1, "blas"):
        limits = machine.roof(1, 1 << 26)
        click.echo(f"{platform.machine()}, {os.cpu_count()} cores, "
                   f"Python {platform.python_version()}, numba {numba.__version__}, "
                   f"NumPy {np.__version__}")
        blas = [f"{i['library']} {i['version']}: {i['kernel']}" for i in machine.blas_info()]
        click.echo(f"roofline of one thread: {limits.flops / 1e9:.0f} GFLOP/s, "
                   f"{limits.bandwidths[-1][1] / 1e9:.0f} GB/s from memory; {'; '.join(blas)}")
        products(rounds)
        rows(rounds, limits)


if __name__ == "__main__":
    main()
