"""The `feste` command, installed or as `python -m feste`.

Ctrl-C, whenever it comes, ends it with one line and exit code 130.
"""
import contextlib
import io
import os
import signal
import sys
from types import FrameType


def stop(signum: int, frame: FrameType | None) -> None:
    "What Ctrl-C does; a second one ends the process as the system does."
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError):      # not `print`, which may be what was interrupted
        os.write(2, b"\nstopped by Ctrl-C\n" if os.isatty(2) else b"stopped by Ctrl-C\n")
    while frame:    # an exception that ends an import may be turned into another, or be lost
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>": os._exit(130)
        frame = frame.f_back
    sys.exit(130)


def flush() -> None:
    "Write what is left; what nobody can take, such as a full disk, is let go."
    for stream in (sys.stdout, sys.stderr):
        try: stream and stream.flush()
        except OSError: os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    "Run the command."
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:   # nobody ignores it
        signal.signal(signal.SIGINT, stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")    # a terminal may lack characters
    from feste.cli import main as command
    try: command()
    finally:
        if signal.getsignal(signal.SIGINT) is stop: signal.signal(signal.SIGINT, signal.SIG_DFL)
        flush()


if __name__ == "__main__": main()
