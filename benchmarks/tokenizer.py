"""Our tokenizer beside `tokenizers`, `rustbpe` and `tiktoken`, interleaved, in one run.

    pip install rustbpe
    python benchmarks/tokenizer.py --threads 1
    python benchmarks/tokenizer.py --threads 2

Training: all the plays, GPT-2's pattern. Ours always uses one thread; the others use as many as
--threads says. Encoding: all the plays to an array of ids. tiktoken encodes one text on one
thread.
A peer that is not installed is named in the table, and left empty.
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

SIZES = (512, 8192, 20534)


def seconds(f) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def interleaved(jobs: dict, rounds: int) -> dict[str, float]:
    "The median seconds of each job, interleaved so that a busy moment falls on all."
    for f in jobs.values(): f()                         # warm: caches, compiled code
    spent = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, f in jobs.items(): spent[name].append(seconds(f))
    return {name: statistics.median(s) for name, s in spent.items()}


def peers() -> dict:
    "The libraries that are installed."
    found = {}
    for name in ("tokenizers", "rustbpe", "tiktoken"):
        try: found[name] = __import__(name)
        except ImportError: found[name] = None
    return found


def train_hf(tokenizers, text: str, v: int):
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator([text], tokenizers.trainers.BpeTrainer(
        vocab_size=v, show_progress=False, initial_alphabet=alphabet))
    return tok


def train_rust(rustbpe, text: str, v: int, pattern: str):
    tok = rustbpe.Tokenizer()
    tok.train_from_iterator([text], v, pattern=pattern)
    return tok


def measure_memory(what: str, path: str) -> None:
    """Print the bytes of memory per byte of corpus that a job adds at its peak.

    Sampled every millisecond. Linux only, in a process of its own.
    """
    import resource
    import threading
    from feste import tokenizer
    text = Path(path).read_text(encoding="utf-8")
    tok = tokenizer.train(text[:40_000], 600)
    tok.encode_array(text[:40_000])                     # compiled code is loaded now
    tokenizer.train(text[:40_000], 600, pattern=None)
    held = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    before, samples, done = held(), [], threading.Event()

    def sample():
        while not done.wait(0.001): samples.append(held())

    watcher = threading.Thread(target=sample)
    watcher.start()
    if what == "train": tokenizer.train(text, 8192)
    elif what == "train without pattern": tokenizer.train(text, 2048, pattern=None)
    else: tok.encode_array(text)
    done.set()
    watcher.join()
    print((max(samples) - before) / len(text.encode()))


def measure_sizes(text: str, libraries: dict, threads: int, rounds: int) -> dict:
    "Seconds of training and encoding by everybody, for each size of the vocabulary."
    from feste import tokenizer
    n_bytes, figures = len(text.encode()), dict(train={}, encode={})
    hf, rust, tt = (libraries[name] for name in ("tokenizers", "rustbpe", "tiktoken"))
    for v in SIZES:
        jobs = {"feste": lambda: tokenizer.train(text, v)}
        if hf: jobs["tokenizers"] = lambda: train_hf(hf, text, v)
        if rust:
            jobs["rustbpe"] = lambda: train_rust(rust, text, v, tokenizer.GPT2_PATTERN)
        spent = figures["train"][v] = interleaved(jobs, rounds)
        click.echo(f"train {v:6}: " + "  ".join(f"{n} {s:.2f} s" for n, s in spent.items()))
        tok, more = tokenizer.train(text, v), max(2, threads)
        jobs = {"feste": lambda: tok.encode_array(text),
                f"feste, {more} threads": lambda: tok.encode_array(text, threads=more)}
        if tt:
            ranks = {b: i for i, b in enumerate(tok.bytes)}
            enc = tt.Encoding("ours", pat_str=tok.pattern, mergeable_ranks=ranks,
                              special_tokens={})
            jobs["tiktoken, array"] = lambda: enc.encode_to_numpy(text)
            jobs["tiktoken, list"] = lambda: enc.encode_ordinary(text)
            jobs["feste, list"] = lambda: tok.encode(text)
        spent = figures["encode"][v] = interleaved(jobs, rounds)
        click.echo(f"encode {v:5}: "
                   + "  ".join(f"{n} {n_bytes / s / 1e6:.1f} MB/s" for n, s in spent.items()))
    return figures


def memory_of(text: str) -> dict[str, float]:
    "Peak memory of each job, bytes per byte of corpus."
    with tempfile.TemporaryDirectory() as tmp:
        path = Path(tmp) / "text.txt"
        path.write_text(text, encoding="utf-8")
        ask = lambda what: subprocess.run(
            [sys.executable, __file__, "--memory", what, str(path)],
            capture_output=True, text=True, check=True).stdout
        return {what: float(ask(what)) for what in ("train", "train without pattern", "encode")}


@click.command(help=__doc__, context_settings=dict(help_option_names=["-h", "--help"]))
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True,
              help="For the peers' training, and our encoding.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path),
              help="Write the figures here as well.")
@click.option("--memory", nargs=2, hidden=True)
def main(threads: int, rounds: int, out: Path | None, memory: tuple[str, str] | None):
    if memory: return measure_memory(*memory)
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    start = time.perf_counter()
    from feste import data, tokenizer
    corpus = data.load()
    text = "".join(corpus.text(s) for s in ("train", "val", "test"))
    n_bytes, libraries = len(text.encode()), peers()
    tokenizer.train(text[:40_000], 600).encode_array(text[:40_000])
    ready = time.perf_counter() - start
    click.echo(f"{n_bytes:,} bytes, {threads} thread(s), medians of {rounds} interleaved "
               f"rounds; import and compiled code ready after {ready:.1f} s")
    found = [f"{n} {getattr(m, '__version__', '') if m else 'not installed'}"
             for n, m in libraries.items()]
    click.echo(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
               f"Python {platform.python_version()}; {', '.join(found)}")
    figures = dict(threads=threads, bytes=n_bytes)
    figures |= measure_sizes(text, libraries, threads, rounds)
    tok = tokenizer.train("a" * 5000, 266, pattern=None)            # joins what follows
    worst = {n: interleaved({"": lambda: tok.encode_array("a" * n)}, 3)[""]
             for n in (250_000, 500_000, 1_000_000)}
    click.echo("one letter, no spaces: "
               + "  ".join(f"{n // 1000} kB {s:.3f} s" for n, s in worst.items()))
    if sys.platform == "linux":
        figures["memory"] = memory_of(text)
        click.echo("peak memory, bytes per byte of corpus: "
                   + "  ".join(f"{w} {b:.1f}" for w, b in figures["memory"].items()))
    if out: out.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
