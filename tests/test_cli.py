"""The `feste` command: each bad line gets one line back; pipes, terminals and Ctrl-C."""
import contextlib
import io
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

from feste import files
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
@pytest.mark.parametrize("line", ["train {}", "resume {}", "sample {}", "record {} to",
                                  "record run {}", "data --text {}", "train new --text {}"])
def test_what_is_no_name(folder, line, name):
    filled = [name if word == "{}" else word for word in line.split()]
    assert "is no name: give that of a file or folder" in said(folder, *filled)


@pytest.mark.parametrize("name", ["none", "file", "file/x", "empty", ".", LONG, "a\nb",
                                  "\x1b[2J", "full"])
@pytest.mark.parametrize("line", ["resume {}", "sample {}", "record {} to", "data --text {}"])
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


@pytest.mark.parametrize("line", ["", "nope", "train", "sample", "record run", "doctor x",
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
    *[(f"{line} > /dev/full", 1, "Error: the disk is full: free some space, and try again\n")
      for line in ("--help", "data --text text.txt", "sample run")],
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
