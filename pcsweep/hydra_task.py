"""Around what Hydra calls."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager

from hydra.core.hydra_config import HydraConfig

from pcsweep.commands import refusing


@contextmanager
def as_given() -> Iterator[None]:
    """Paths are relative to where the command was given, whatever `hydra.job.chdir` says; a refused value ends the process."""
    with chdir(HydraConfig.get().runtime.cwd), refusing():
        yield
