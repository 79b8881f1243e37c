"""Runs watched from outside: by another process, by other tools, in odd folders."""
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, run

from feste import data, records, runs, watch
from feste.model import Config
from feste.training import Settings

SMALL = Settings(Config(300, 16, 16, 1, 2), steps=24, batch=2, log_every=1, eval_every=24,
                 eval_tokens=64, sample_every=24, checkpoint_every=8)
READ_BACK = """
import json, sys, trackio
trackio.import_csv(sys.argv[1], project="feste", name="tiny")
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps(SQLiteStorage.get_logs("feste", "tiny"), default=str))
"""


@pytest.mark.skipif(not importlib.util.find_spec("trackio"), reason="trackio is not installed")
def test_trackio_reads_metrics_as_they_are(tmp_path):
    table = records.recording("tiny") / "metrics.csv"
    done = run(sys.executable, "-c", READ_BACK, str(table), cwd=tmp_path,
               TRACKIO_DIR=str(tmp_path), HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False",
               PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    ours = records.read_metrics(table.parent)
    assert len(rows) == len(ours)
    for theirs, row in zip(rows, ours):
        assert theirs["step"] == row["step"]
        if row["train_loss"] is not None:       # it leaves underscores out of names
            assert theirs["trainloss"] == pytest.approx(row["train_loss"])


def test_a_run_is_watched_from_outside_and_killed(tmp_path):
    "While it trains its summary says so; killed, it is stopped, and the next one tells of it."
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "feste", "train", str(folder), "--steps", "100000",
         "--eval-every", "100000", "--eval-tokens", "64", "--sample-every", "100000"], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until, seen = time.monotonic() + 120, {}
        while not seen.get("tokens_per_s") and time.monotonic() < until:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.2)
            seen = watch.summary(folder)
        assert (seen["state"], seen["steps"]) == ("running", 100_000) and seen["step"] > 0
        assert seen["problem"] is None and watch.find_runs(tmp_path) == [folder]
    finally:
        process.kill()
        process.communicate()
    assert watch.summary(folder)["state"] in ("stopped", "new")     # before a checkpoint


def test_repeated_failures_are_an_alert(tmp_path, capsys):
    class Fails:
        def __call__(self, folder, row):
            if row["step"] == 10: raise RuntimeError("a disk, say")
    with runs.create_run(tmp_path / "run", SMALL, data.load()) as its:
        with pytest.raises(RuntimeError): its.train([Fails()], None, False)
    for _ in range(3):      # it was saved when it failed; now it gets no further
        for name in ("resume", "failure"): runs.write_event(its.folder, name, 10, "again")
    [alert] = watch.alerts(its.folder)
    assert (alert.step, alert.kind) == (10, "failures")
    with runs.resume_run(its.folder) as again: again.train([watch.Alerts()], None, False)
    assert capsys.readouterr().err.count("alert at step 10: the run failed") == 1
    said = [e for e in records.read_events(its.folder)
            if e["event"] == "alert" and "failed" in e["message"]]   # a busy machine: others
    assert [(e["step"], e["message"]) for e in said] == [(alert.step, alert.message)]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metrics.csv").write_text("step\n", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert watch.find_runs(tmp_path) == [tmp_path / "a"]


def test_what_is_moved_aside_is_no_run(tmp_path):
    for where in ("run", "run/before/x", ".hidden"):
        (tmp_path / where).mkdir(parents=True)
        (tmp_path / where / "metrics.csv").write_text("step\n", encoding="utf-8")
    assert watch.find_runs(tmp_path) == [tmp_path / "run"]


def test_a_summary_of_thousands_of_rows_is_quick(tmp_path):
    "A table of many runs must not keep one waiting."
    lines = "".join(f"{k},{5 - k / 1e4},{1e-3},1.0,1e5,9000\n" for k in range(0, 100_000, 20))
    (tmp_path / "metrics.csv").write_text(
        "step,train_loss,lr,grad_norm,tokens_per_s,free_mb\n" + lines, encoding="utf-8")
    start = time.perf_counter()
    assert watch.summary(tmp_path)["step"] == 99_980
    assert time.perf_counter() - start < 5


def test_a_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(watch.MissingLibrary, match="pip install tensorboardX"):
        watch.tensorboard(records.recording("tiny"), tmp_path / "board")
    assert not Path(tmp_path / "board").exists()
