"""Around every Hydra entry: where its configuration lies, how it ends, and what is said then."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.types import RunMode
from omegaconf import OmegaConf

import pcsweep
from pcsweep.config.overrides import as_sweep, checked_words
from pcsweep.config.refusals import message
from pcsweep.console.exit import Explain, close_umask, end, outcome, refusing
from pcsweep.console.text import COLUMNS, paragraph
from pcsweep.machine import leftovers
from pcsweep.machine.provenance import command, command_is
from pcsweep.study.folder import study_folder

_FULL_ERROR = "HYDRA_FULL_ERROR"

if TYPE_CHECKING:
    from omegaconf import DictConfig, ListConfig

    from pcsweep.config.schema import Choice


def conf_folder() -> str:
    """The folder of the configuration groups: beside the package in a checkout, inside it in an installation."""
    package = Path(pcsweep.__file__).resolve().parent
    return str(next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()))


def each_pcoder(model: "DictConfig", extensions: "ListConfig | None" = None) -> str:
    """The resolver `each_pcoder`: the numbers of a model's pcoders as the values of a sweep, such as "1,2,3,4"."""
    from pcsweep.config.extensions import named
    from pcsweep.grid.randomized import model_choice

    own = named({"extensions": OmegaConf.to_container(extensions) if OmegaConf.is_config(extensions) else extensions})
    count = _pcoders(model_choice({**plain_of(model), "randomized": None}, own))
    return ",".join(str(number) for number in range(1, count + 1))


@lru_cache
def _pcoders(model: "Choice") -> int:
    """How many a model has. It is made for this alone, since the resolver is called before there is anything to share."""
    return len(model().network.stages)


def plain_of(config: "DictConfig") -> dict[str, Any]:
    """A configuration as plain dictionaries and lists, resolved."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # a DictConfig
    return {str(key): value for key, value in plain.items()}


def guarded(entry: Callable[[], Any], interrupted: str, further: Sequence[str] = ()) -> None:
    """Runs a Hydra entry and ends the process, see `ended`."""
    end(ended(entry, interrupted, further))


@contextmanager
def help_in_lines() -> Iterator[None]:
    """Around Hydra's help: its lists of choices fit a terminal of 80 columns."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            key, _, choices = line.partition(": ")
            long = len(line) >= COLUMNS and ", " in choices
            sys.stdout.write(f"{paragraph(f'{key}: ', choices, indent=len(key) + 2) if long else line}\n")


@contextmanager
def groups_listed_quickly() -> Iterator[None]:
    """Around Hydra's help, which asks for the choices of a group a hundred times: its store is not copied for each of them."""
    usual = ConfigLoaderImpl.get_group_options

    def listed(
        self: ConfigLoaderImpl,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        if config_name is None and not overrides:  # which might name further folders to look into
            return list(self.repository.get_group_options(group_name, results_filter))
        return list(usual(self, group_name, results_filter, config_name, overrides))

    ConfigLoaderImpl.get_group_options = listed  # type: ignore[method-assign]
    try:
        yield
    finally:
        ConfigLoaderImpl.get_group_options = usual  # type: ignore[method-assign]


@contextmanager
def composed_once() -> Iterator[None]:
    """Around a single run of Hydra, which composes its configuration to see whether it is one, and then again: once is enough.

    Where it cannot be composed, or is a sweep after all, Hydra goes its usual way.
    """
    usual_mode, usual_composition = Hydra.get_mode, Hydra.compose_config
    made: list[DictConfig] = []

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        try:
            config = usual_composition(self, config_name, overrides, RunMode.RUN, with_log_configuration=True)
        except Exception:
            return usual_mode(self, config_name, overrides)
        if config.hydra.mode in (None, RunMode.RUN):
            made.append(config)
        return config.hydra.mode

    def composed(self: Hydra, *given: Any, **named: Any) -> "DictConfig":
        return made.pop() if made else usual_composition(self, *given, **named)

    Hydra.get_mode, Hydra.compose_config = mode, composed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode, Hydra.compose_config = usual_mode, usual_composition  # type: ignore[method-assign]


@contextmanager
def errors_let_through() -> Iterator[None]:
    """Has Hydra raise what it catches elsewhere; afterwards the environment is as it was."""
    before = os.environ.get(_FULL_ERROR)
    os.environ[_FULL_ERROR] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_FULL_ERROR, None)
        else:
            os.environ[_FULL_ERROR] = before


def ended(entry: Callable[[], Any], interrupted: str, further: Sequence[str] = ()) -> int:
    """Runs a Hydra entry; its exit code, see `outcome`. Where it is refused, nothing is left behind.

    Args:
        entry: a function under `hydra.main`.
        interrupted: what to say, before the command itself, after Ctrl-C.
        further: words for Hydra that nobody has given.
    """
    close_umask()
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    OmegaConf.register_new_resolver("each_pcoder", each_pcoder, replace=True)
    explain: Explain = (lambda _: None) if _FULL_ERROR in os.environ else message

    def work() -> None:
        sys.argv[1:] = [*as_sweep(checked_words(sys.argv[1:])), *further]
        given = set(sys.argv[1:])
        if {"-h", "--help"} & given:
            with help_in_lines(), groups_listed_quickly():
                entry()
        elif {"-m", "--multirun"} & given:
            entry()
        else:
            with composed_once():
                entry()

    with errors_let_through(), command_is(sys.argv[1:]):
        return outcome("pcsweep", work, f"Interrupted. {interrupted} {command()}", explain, leftovers.undo)


@contextmanager
def as_given() -> Iterator[None]:
    """Paths are relative to where the command was given, whatever `hydra.job.chdir` says; a refused value ends the process."""
    with chdir(HydraConfig.get().runtime.cwd), refusing():
        yield
