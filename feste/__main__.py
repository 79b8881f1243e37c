"`python -m feste` is the `feste` command."
from feste.cli import main

main()
