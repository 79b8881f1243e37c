"""The compiled twins of the reference modules: optional, for training on one's own machine.

Each does what its reference does, faster, and is tested against it. The rest of the package
reaches them through `feste.twins.fast` alone, and runs without them.
"""
TYPE_CHECKING = False   # true for type checkers and editors; `typing` takes ten times as long

if TYPE_CHECKING:
    from . import engine, jit, kernels, machine, matmul, tokenizer

    __all__ = ["engine", "jit", "kernels", "machine", "matmul", "tokenizer"]
else:                   # a module is imported when it is first asked for
    import lazy_loader

    __getattr__, __dir__, __all__ = lazy_loader.attach(
        __name__, submodules="engine jit kernels machine matmul tokenizer".split())
