"""Nothing is lost: killed writers, full disks, two writers, two owners, and damaged files.

What is read must be what was written, or the reader says that it is not. Of a run's files
some hundred places each are damaged; with FESTE_EVERY_BYTE=1 in the environment, all.
"""
import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run

from feste import data, files, model, records, runs, tokenizer, training, weights

TEXT = ("What's in a name? That which we call a rose\n"
        "By any other name would smell as sweet.\n\n") * 60
SMALL = model.Config(vocab_size=260, n_positions=8, n_embd=4, n_layer=1, n_head=1, tied=True)
SETTINGS = training.Settings(SMALL, steps=6, batch=2, backend="numpy", log_every=1,
                             eval_every=2, eval_tokens=16, sample_every=6, checkpoint_every=3)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FESTE_HOME", str(tmp_path / "home"))


@pytest.fixture
def corpus(tmp_path) -> data.Corpus:
    (tmp_path / "rose.txt").write_text(TEXT, encoding="utf-8")
    return data.load(tmp_path / "rose.txt")


@pytest.fixture
def finished(tmp_path, corpus) -> Path:
    "The folder of a small run that has been trained."
    runs.train(tmp_path / "run", SETTINGS, corpus, sampler=lambda m: "HAMLET:\n",
               progress=False)
    return tmp_path / "run"


# Every way to save, killed before every line that it executes in feste.files.
KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from feste import files, model, runs, tokenizer, weights

cfg = model.Config(vocab_size=260, n_positions=4, n_embd=2, n_layer=1, n_head=1)
toks = [tokenizer.train("to be or not to be, that is " * 9, 256 + n) for n in (3, 4)]
flats = [model.init(cfg, seed) for seed in (1, 2)]
rows = [[{"step": n}] for n in (1, 2)]

def read_json(path): return files.read_json(path, sealed=True)["version"]
def read_weights(path): return 0 if (weights.load_weights(path)[0] == flats[0]).all() else 1
def read_tokenizer(path): return len(tokenizer.load(path).merges) - 3
def read_metrics(path): return runs.records.read_metrics(path.parent)[-1]["step"] - 1

SAVE = {    # file -> how to save its version 0 or 1, and how to read which one it is
    "run.json": (lambda p, v: files.write_json(p, {"version": v}, sealed=True), read_json),
    "model.safetensors": (lambda p, v: weights.save_weights(p, flats[v], cfg), read_weights),
    "tokenizer.json": (lambda p, v: tokenizer.save(toks[v], p), read_tokenizer),
    "tokenizer.txt": (lambda p, v: tokenizer.save(toks[v], p), read_tokenizer),
    "metrics.csv": (lambda p, v: runs.write_metrics(p.parent, rows[v]), read_metrics),
}

def killed_at(n, save, path):
    "Whether a child process that saves version 1 died before line n in feste.files."
    child = os.fork()
    if child: return os.waitpid(child, 0)[1] == signal.SIGKILL
    seen = 0
    def trace(frame, event, arg):
        nonlocal seen
        if frame.f_code.co_filename != files.__file__: return None
        seen += event == "line"
        if seen == n: os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    save(path, 1)
    os._exit(0)

folder = Path(sys.argv[1])
for name, (save, read) in SAVE.items():
    path, found, n = folder / name, [], 0
    while True:
        n += 1
        save(path, 0)
        dead = killed_at(n, save, path)
        found.append(read(path))
        left = sorted(f.name for f in folder.iterdir() if f.suffix == ".part")
        assert len(left) <= 1, left
        files.sweep(folder)
        assert not list(folder.glob("*.part"))
        if not dead: break
    assert found == sorted(found) and found[0] == 0 and found[-1] == 1, found
    print(name, n - 1, "kills,", sum(found) - 1, "of them after the new name was there")
    assert n > 15
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork: a child per line")
def test_killed_between_any_two_lines(tmp_path):
    done = run(sys.executable, "-c", KILLED, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


WRITER = """
import sys
from feste import files
for i in range(300): files.write_text(sys.argv[1], sys.argv[2] * 50_000)
"""


def test_two_writers_at_once(tmp_path):
    path = tmp_path / "verse.txt"
    files.write_text(path, "0" * 50_000)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), c]) for c in "12"]
    seen = set()
    while any(w.poll() is None for w in writers):
        text = path.read_text(encoding="utf-8")
        assert len(text) == 50_000 and len(set(text)) == 1
        seen.add(text[0])
    assert [w.returncode for w in writers] == [0, 0] and {"1", "2"} <= seen
    assert [f.name for f in tmp_path.iterdir() if f.is_file()] == ["verse.txt"]


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from feste import data, files, model, runs, tokenizer, training, weights
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
cfg = model.preset("tiny")
flat, tok = model.init(cfg), tokenizer.Tokenizer([])
corpus = data.load(folder / "rose.txt")
(folder / "a").mkdir()
weights.save_weights(folder / "w.safetensors", flat[:], cfg)
before = {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for save in (
    lambda: weights.save_weights(folder / "w.safetensors", -flat, cfg),
    lambda: weights.save_gpt2(folder / "a", flat, cfg),
    lambda: tokenizer.save(tok, folder / "t.json"),
    lambda: files.write_text(folder / "t.txt", "x" * 100_000),
    lambda: training.token_file(corpus, tok, "train"),
    lambda: tokenizer.encode_file(tok, folder / "rose.txt", folder / "ids.bin"),
):
    try: save()
    except files.NotSaved as e: print(e)
    else: raise AssertionError("it was saved")
after = {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}
assert before == after, set(after) - set(before)
"""


def full(folder: Path) -> str:
    "What a process prints that may write no file above a thousand bytes."
    pytest.importorskip("resource", reason="needs a limit on the size of files")
    (folder / "rose.txt").write_text(TEXT * 9, encoding="utf-8")
    done = run(sys.executable, "-c", LIMITED, str(folder), "1000",
               FESTE_HOME=str(folder / "home"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    said = full(tmp_path).splitlines()
    assert len(said) == 6 and all("could not be written: " in line for line in said)
    assert all("Errno" not in line and ": the" in line for line in said), said


def mounted(folder: Path, size: str) -> bool:
    "Whether a small disk in memory could be mounted there."
    if not shutil.which("mount"): return False
    done = run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    return done.returncode == 0


def fill_up(path: Path):
    with contextlib.suppress(OSError), open(path, "wb") as f:
        while True: f.write(b"x" * 512)


def test_a_run_on_a_full_disk_can_go_on(tmp_path, corpus):
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted(disk, "256k"): pytest.skip("no disk can be mounted here")
    try:
        fill, folder = disk / "fill", disk / "run"
        run_ = runs.create_run(folder, SETTINGS, corpus)
        def eat(_folder, row):
            if row["step"] == 4: fill_up(fill)
        with run_, pytest.raises(files.NotSaved, match="the disk is full: free some space"):
            run_.train([eat], progress=False)
        assert not list(folder.rglob("*.part"))
        fill.unlink()
        again = runs.train(folder, corpus=corpus, progress=False)
        plain = runs.train(tmp_path / "plain", SETTINGS, corpus, progress=False)
        assert again.done and (again.training.flat == plain.training.flat).all()
        ours, theirs = map(records.read_metrics, (folder, tmp_path / "plain"))
        assert [r["step"] for r in ours] == [r["step"] for r in theirs]
    finally: run("umount", str(disk))


# Prints when it owns the folder, and goes on only when it is told to.
OWNER = """
import sys
from feste import data, runs
from test_damage import SETTINGS
folder, text, what = sys.argv[1:]
corpus = data.load(text)
run = (runs.create_run(folder, SETTINGS, corpus) if what == "create"
       else runs.resume_run(folder, corpus))
with run:
    print("mine", flush=True)
    sys.stdin.readline()
    run.train(progress=False)
"""


def owner(folder: Path, text: Path, what: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), str(text), what], cwd=ROOT / "tests",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("what", ["create", "resume"])
def test_one_owner_of_a_run(tmp_path, corpus, what):
    folder = tmp_path / "run"
    if what == "resume": runs.create_run(folder, SETTINGS, corpus).close()
    first = owner(folder, tmp_path / "rose.txt", what)
    assert first.stdout and first.stdout.readline() == "mine\n"
    for again in (lambda: runs.resume_run(folder, corpus),
                  lambda: runs.create_run(folder, SETTINGS, corpus),
                  lambda: runs.train(folder, corpus=corpus, progress=False)):
        with pytest.raises((files.InUse, runs.RunExists)): again()
    said = run(sys.executable, "-m", "feste", "resume", str(folder))
    assert said.returncode == 1 and "is being written to already" in said.stderr, said.stderr
    assert first.communicate("go\n")[1] == "" and first.returncode == 0
    assert [r["step"] for r in records.read_metrics(folder)] == [0, 1, 2, 3, 4, 5, 6]


def test_a_killed_owner_leaves_no_lock(tmp_path, corpus):
    folder = tmp_path / "run"
    first = owner(folder, tmp_path / "rose.txt", "create")
    assert first.stdout and first.stdout.readline() == "mine\n"
    first.kill()
    first.wait()
    assert runs.train(folder, corpus=corpus, progress=False).done


def test_two_that_start_at_once(tmp_path, corpus):
    "One gets the folder, whatever the moment; the other is told, and destroys nothing."
    for i in range(3):
        folder = tmp_path / f"run-{i}"
        both = [owner(folder, tmp_path / "rose.txt", "create") for _ in range(2)]
        time.sleep(0.1 * i)
        results = [p.communicate("go\n") for p in both]
        assert sorted(p.returncode for p in both) == [0, 1], results
        loser = next(err for p, (_, err) in zip(both, results) if p.returncode)
        assert "InUse" in loser or "RunExists" in loser, loser
        steps = [r["step"] for r in records.read_metrics(folder)]
        assert steps == sorted(set(steps)) and steps[-1] == 6


NOTICED = (files.Damaged, runs.NotThisRun, runs.NoRun, records.NoModel)


def state(folder: Path, corpus: data.Corpus) -> list:
    "All that going on depends on."
    with runs.resume_run(folder, corpus) as found:
        t = found.training
        return [t.settings, t.step, t.seconds, t.recent, t.logged, t.tokenizer.sha256,
                t.tokenizer.bytes, t.tokenizer.special, records.read_metrics(folder),
                *(a.tobytes() for a in (t.flat, t.m, t.v, *t.ids.values()))]


def same(folder: Path, corpus: data.Corpus, expected: list) -> bool:
    "Whether a run can go on as if nothing had happened; False if it says that it cannot."
    try: found = state(folder, corpus)
    except NOTICED: return False
    assert found == expected
    return True


def damaged(raw: bytes, stride: int):
    "The same bytes with one bit flipped, for each byte; and cut short, at each place."
    for i in range(0, len(raw), stride):
        yield f"byte {i} flipped", raw[:i] + bytes([raw[i] ^ 1 << i % 8]) + raw[i + 1:]
        yield f"cut at {i}", raw[:i]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [
    "run.json", "config.json", "tokenizer.json", "metrics.csv",
    "checkpoints/step_0000006.safetensors", "cached ids"])
def test_damage_is_noticed_or_harmless(finished, corpus, tmp_path, name):
    path = (next((tmp_path / "home" / "cache").glob("*-train.bin")) if name == "cached ids"
            else finished / name)
    for earlier in records.checkpoints(finished)[:-1]: earlier.unlink()     # to fall back to
    raw, expected = path.read_bytes(), state(finished, corpus)
    stride = 1 if os.environ.get("FESTE_EVERY_BYTE") else max(1, len(raw) // 400)
    counts = {True: 0, False: 0}
    for what, bad in damaged(raw, stride):
        path.write_bytes(bad)
        try: counts[same(finished, corpus, expected)] += 1
        except Exception as e: raise AssertionError(f"{name}, {what}: {e!r}") from e
    path.write_bytes(raw)
    assert state(finished, corpus) == expected
    print(f"{name}: noticed {counts[False]}, harmless {counts[True]}")


def test_damage_of_every_byte_of_weights(tmp_path):
    path, cfg = tmp_path / "w.safetensors", model.Config(8, 2, 2, 1, 1)
    weights.save_weights(path, model.init(cfg), cfg, {"optimizer.m": np.ones(3, np.float32)})
    raw, harmless = path.read_bytes(), 0
    flat, _, extra, metadata = weights.load_weights(path)
    for what, bad in damaged(raw, 1):
        path.write_bytes(bad)
        try: found = weights.load_weights(path)
        except files.Damaged: continue
        assert (found[0] == flat).all() and found[1:2] == (cfg,) and found[3] == metadata, what
        assert found[2].keys() == extra.keys()
        assert all((found[2][n] == extra[n]).all() for n in extra)
        harmless += 1
    print(f"{2 * len(raw)} damaged files, harmless {harmless}")
    assert harmless < 20


def test_a_recording_shows_its_damage(tmp_path):
    "The files that a model is loaded from, every byte of the small ones."
    from feste.generation import LanguageModel, WrongTokenizer
    home = tmp_path / "tiny"
    shutil.copytree(records.recording("tiny"), home)
    text = LanguageModel.load(home).generate("ROMEO:", 2, seed=1)
    for name in ("run.json", "config.json"):
        raw = (home / name).read_bytes()
        for what, bad in damaged(raw, 7):
            (home / name).write_bytes(bad)
            try: model_ = LanguageModel.load(home)
            except (*NOTICED, WrongTokenizer): continue
            assert model_.generate("ROMEO:", 2, seed=1) == text, f"{name}, {what}"
        (home / name).write_bytes(raw)


def test_saving_uses_the_one_function():
    "Nothing else in the package opens a file to write: but a table that grows row by row."
    for path in sorted((ROOT / "feste").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for call in ("np.save(", ".write_text(", ".write_bytes(", ".tofile(",
                     "os.replace(", "save_file(", "json.dump("):
            for line in (ln for ln in source.splitlines() if call in ln):
                assert (path.name == "files.py" or "aside" in line or "(out)" in line
                        or "files.write_text(" in line), (
                    f"{path.name}: {line.strip()}: write inside files.whole")


def test_the_tokenizer_is_still_the_runs(finished, corpus, tmp_path):
    other = tokenizer.train(TEXT[::-1], 260)
    tokenizer.save(other, finished / "tokenizer.json")
    with pytest.raises(runs.NotThisRun, match="tokenizer"): runs.resume_run(finished, corpus)


def rows_of(folder: Path) -> list[int | float | None]:
    return [r["step"] for r in records.read_metrics(folder)]


class Interrupt(BaseException):
    "As a second Ctrl-C is: it may come between any two lines."


@pytest.mark.parametrize("line", range(1, 60, 4))
def test_interrupted_at_once_and_gone_on_with(tmp_path, corpus, line):
    "Whatever a second Ctrl-C tears, the run goes on from its checkpoint, to the same bits."
    straight = runs.train(tmp_path / "straight", SETTINGS, corpus, progress=False)
    run_ = runs.create_run(tmp_path / "run", SETTINGS, corpus)
    seen = 0

    def trace(frame, event, arg):
        nonlocal seen
        if frame.f_code.co_filename not in (runs.__file__, training.__file__): return None
        seen += event == "line" and run_.step == 4
        if seen == 5 * line: raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try: run_.train(progress=False)
    except Interrupt: pass
    finally: sys.settrace(before)
    assert run_.closed
    with pytest.raises(ValueError, match="is closed: open it again"): run_.train()
    again = runs.train(tmp_path / "run", corpus=corpus, progress=False)
    assert (again.training.flat == straight.training.flat).all()
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "straight")


def test_a_folder_that_is_replaced_while_a_run_trains(tmp_path, corpus):
    "The first writes nothing into what is now another's."
    def replace_it(folder, row):
        if row["step"] != 2: return
        folder.rename(tmp_path / "moved")
        runs.train(folder, SETTINGS, corpus, sampler=None, progress=False)
    with pytest.raises(files.InUse, match="was moved or replaced meanwhile"):
        runs.train(tmp_path / "run", SETTINGS, corpus, [replace_it], progress=False)
    assert rows_of(tmp_path / "run") == [0, 1, 2, 3, 4, 5, 6]
    runs.train(tmp_path / "moved", corpus=corpus, progress=False)
    assert rows_of(tmp_path / "moved") == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("what", ["deleted", "put back"])
def test_metrics_that_change_while_a_run_trains(tmp_path, corpus, what):
    table, old = tmp_path / "run" / "metrics.csv", []

    def change(folder, row):
        if row["step"] == 2: old.append(table.read_bytes())
        if row["step"] == 4 and what == "deleted": table.unlink()
        if row["step"] == 4 and what == "put back": table.write_bytes(old[0])
    with pytest.raises(files.Damaged, match="go on from the last checkpoint"):
        runs.train(tmp_path / "run", SETTINGS, corpus, [change], progress=False)


def test_a_checkpoint_of_another_run(tmp_path, finished, corpus):
    from dataclasses import replace
    other = runs.train(tmp_path / "other", replace(SETTINGS, seed=5), corpus, progress=False)
    name = "checkpoints/step_0000006.safetensors"
    shutil.copy(other.folder / name, finished / name)
    with pytest.raises(runs.NotThisRun, match="is not a checkpoint of this run"):
        runs.resume_run(finished, corpus)
    with pytest.raises(runs.NotThisRun): runs.record(finished, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_recording_that_was_killed_half_way(tmp_path, finished):
    "Between the two renames the earlier one lies aside; the next `record` puts it back first."
    target = runs.record(finished, tmp_path / "copy")
    before = (target / "model.safetensors").read_bytes()
    target.rename(tmp_path / "copy.0123456789abcdef.old")
    (tmp_path / "copy.0123456789abcdef.part").mkdir()
    with pytest.raises(runs.RunExists, match="holds a recording already"):
        runs.record(finished, target)
    assert (target / "model.safetensors").read_bytes() == before
    runs.record(finished, target, replace=True)
    assert not list(tmp_path.glob("copy.*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process can catch")
def test_a_shutdown_saves_first(tmp_path, corpus):
    from dataclasses import replace
    folder = tmp_path / "run"
    rarely = dict.fromkeys(("steps", "checkpoint_every", "eval_every", "sample_every"), 10**6)
    long = replace(SETTINGS, log_every=50, **rarely)
    runs.create_run(folder, long, corpus).close()
    with subprocess.Popen([sys.executable, "-m", "feste", "resume", str(folder)],
                          stderr=subprocess.PIPE, text=True) as process:
        for _ in range(300):
            if len(rows_of(folder)) > 2: break
            time.sleep(0.1)
        process.terminate()
        assert process.stderr and "saving" in process.stderr.read()
    assert (records.step_of(records.checkpoints(folder)[-1]) or 0) > 50
