"""The process of a further device: reads from its standard input what is trained. `pcsweep.train` starts it; no person does."""

import json
import logging
import os
import signal
import sys

from pcsweep.config.errors import BadSetting, Unfinished


def main() -> int:
    """The exit code: 0 as well where the first process says why all have stopped."""
    from pcsweep.train.devices import end_with
    from pcsweep.train.run import train

    end_with(os.getppid())
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # from Slurm to all of a job; before the first step there is no checkpoint
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.ERROR)
    try:
        train(json.load(sys.stdin))
    except (KeyboardInterrupt, Unfinished):
        return 0
    except BadSetting as error:
        sys.stderr.write(f"pcsweep: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
