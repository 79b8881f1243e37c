"""Render the book: `python book/build.py`.

Draws the README's picture, and runs the chapters whose code, package or data changed since the
last time. Stops with an error if any cell fails or anything on a page is unclear (a missing
link, an unknown reference).
"""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))


def main() -> int:
    import pictures
    pictures.write()
    command = [
        sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", ".",
        "--config", "book/_config.yml", "--toc", "_toc.yml", "--path-output", "book",
        "-W", "-n", "--keep-going"]
    # The kernel is started from this very Python, and talks to it on this machine only.
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    # Small products are twice as fast on one thread of BLAS; pages that measure set their own.
    env = {"OPENBLAS_NUM_THREADS": "1"} | os.environ | {"PATH": path, "PYTHONUTF8": "1"}
    failed = subprocess.run(command, cwd=ROOT, env=env).returncode
    if failed:
        print("\nThe book was NOT built: the first error above names the page, "
              "and the cell if one failed.", file=sys.stderr)
    else:
        print(f"\nThe book is ready. Open {ROOT / 'book' / '_build' / 'html' / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
