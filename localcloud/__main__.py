"""``python -m localcloud``."""

from localcloud.cli import main

main(prog_name="python -m localcloud")
