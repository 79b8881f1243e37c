"""What watching and saving cost a training, at the default intervals, interleaved, in one run.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --rounds 9 --steps 2000

The tiny model trains on made-up text, again and again: as a bare loop; with logging and with
the sinks of a watched run; with checkpoints. Each is compared with the bare loop of the same
round, so that a busy moment falls on all, and the median of the rounds' ratios is printed.
Beside it stands the direct measure, which counts: the seconds spent in logging, or in
checkpoints, over those of the rest of the same training. Other programs spoil both. The whole
validation set, which a run evaluates at its end, is no logging, and left out.
"""
import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click

from feste import data, runs, watch
from feste.model import preset
from feste.training import Settings, Training, train

# shares of the bare loop; None: no bar, because it is asked for and needs another library
BARS = {"logging, alerts": 0.005, "and TensorBoard": None, "checkpoints": 0.01}


class Clock:
    "Adds up the seconds of the calls of a function."
    def __init__(self, f): self.f, self.seconds = f, 0.0

    def __call__(self, *args):
        start = time.perf_counter()
        try: return self.f(*args)
        finally: self.seconds += time.perf_counter() - start


def sinks(what: str) -> list:
    "What a row goes to, beside its file."
    found = [watch.Alerts()] if what in ("logging, alerts", "and TensorBoard") else []
    return found + [watch.TensorBoard()] * (what == "and TensorBoard")


def one(settings: Settings, corpus, folder: Path, what: str) -> tuple[float, float]:
    "Seconds of a training, and of the part of them that is looked at."
    with runs.create_run(folder, settings, corpus) as run:
        t: Training = run.training
        its = sinks(what)
        row = Clock(lambda r: runs._on_row(run, its, r))
        save, best = Clock(lambda: runs._on_save(run)), Clock(lambda: runs._on_best(run))
        start = time.perf_counter()
        if its: train(t, on_row=row, progress=False)
        elif what == "checkpoints": train(t, save=save, best=best, progress=False)
        else: train(t, progress=False)
        for sink in its: getattr(sink, "close", lambda folder: None)(folder)
        wait = Clock(run.writer.wait)       # saving goes on in the background
        wait()
        its_own = (row, save, best, wait)
        return time.perf_counter() - start, sum(clock.seconds for clock in its_own)


@click.command()
@click.option("--rounds", default=5, help="How often each is trained.")
@click.option("--steps", default=2000, help="Of each training.")
@click.option("--threads", default=None, type=int, help="Of the engine.")
def main(rounds: int, steps: int, threads: int | None) -> None:
    settings = Settings(preset("tiny"), steps=steps, threads=threads)
    corpus, jobs = data.load(), ["bare", *BARS]
    if not importlib.util.find_spec("tensorboardX"): jobs.remove("and TensorBoard")
    runs._whole_validation = lambda t: {}
    spent = {job: [] for job in jobs}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        for n in range(rounds + 1):                     # the first warms up
            for job in jobs:
                spent[job].append(one(settings, corpus, Path(tmp) / f"{n}-{job}", job))
    wrong = False
    print(f"bare loop: {statistics.median(x for x, _ in spent['bare'][1:]):.2f} s "
          f"for {steps} steps; median of {rounds} rounds")
    for job in jobs[1:]:
        bar = BARS[job]
        ratio = statistics.median(x / bare for (x, _), (bare, _) in zip(
            spent[job][1:], spent["bare"][1:])) - 1
        direct = statistics.median(its / (x - its) for x, its in spent[job][1:])
        kept = bar is None or direct <= bar
        wrong |= not kept
        print(f"{job:18} {ratio:+7.2%} by the ratio, {direct:+7.2%} directly" + (
            "" if bar is None else f"; the bar is {bar:.1%}: {'kept' if kept else 'missed'}"))
    sys.exit(wrong)


if __name__ == "__main__": main()
