"""The first sign of life of a command: a line on a terminal before the imports that take seconds. Imports nothing that does."""

import sys

_said: list[str] = []  # once per process, whoever comes first


def sign(command: str, doing: str = "starting") -> None:
    """Says on a terminal that a command has begun, unless it was asked for something else than work, such as --help."""
    if _said or not sys.stderr.isatty() or not all("=" in word or word in ("-m", "--multirun") for word in sys.argv[1:]):
        return
    _said.append(command)
    sys.stderr.write(f"{command}: {doing} …\n")
    sys.stderr.flush()
