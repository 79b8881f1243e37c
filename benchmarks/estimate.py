"""What `feste train` says beforehand, and what the run then takes: their ratio, interleaved.

    python benchmarks/estimate.py [--rounds 3]

Each round creates a run of each preset, asks `runs.estimate`, and trains it to its end.
"""
import argparse
import statistics
import tempfile
import time
from pathlib import Path

from feste import data, runs
from feste.training import recipe

STEPS = {"tiny": 2000, "small": 400}


def one(preset: str, corpus: data.Corpus) -> tuple[float, float]:
    "The estimate, and the seconds that the run took."
    with (tempfile.TemporaryDirectory() as folder,
          runs.create_run(Path(folder) / "run", recipe(preset, steps=STEPS[preset]),
                          corpus) as run):
        guess = runs.estimate(run).seconds
        began = time.perf_counter()
        run.train(progress=False)
        return guess, time.perf_counter() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    corpus, ratios = data.load(), {preset: [] for preset in STEPS}
    for _ in range(rounds):
        for preset in STEPS:
            guess, took = one(preset, corpus)
            ratios[preset].append(guess / took)
            print(f"{preset:6} estimated {guess:6.1f} s, took {took:6.1f} s, "
                  f"ratio {guess / took:.2f}", flush=True)
    for preset, found in ratios.items():
        print(f"{preset:6} median ratio {statistics.median(found):.2f}")


if __name__ == "__main__":
    main()
