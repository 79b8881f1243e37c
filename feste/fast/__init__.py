"""The compiled twins of the reference modules: optional, for training on one's own machine.

Each does what its reference does, faster, and is tested against it. The rest of the package
reaches them through `feste.twins.fast` alone, and runs without them.
"""
from __future__ import annotations

__all__ = ["engine", "jit", "kernels", "machine", "matmul", "tokenizer"]

TYPE_CHECKING = False   # true for type checkers and editors; `typing` takes ten times as long

if TYPE_CHECKING:
    from . import engine, jit, kernels, machine, matmul, tokenizer
else:
    def __getattr__(name):
        "Import a module when it is first asked for, so that `import feste.fast` stays light."
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib
        return importlib.import_module(f"feste.fast.{name}")

    def __dir__(): return sorted([*__all__, *(name for name in globals() if name[:2] == "__")])
