"""The compiled twins of the reference modules: optional, for training on one's own machine.

Each does what its reference does, faster, and is tested against it. The rest of the package
reaches them through `feste.twins.fast` alone, and runs without them.
"""
