"""The words of a command before Hydra reads them."""

import re
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place

_FOLDER = ("--config-dir", "-cd")
_ALONE = ("run", "multirun", "cfg", "info", "shell_completion")
LISTED = re.compile(r"\+{0,2}(attribution|dataset|experiment|hyperparameter|model|noise|pcoder|recipe)=\s*\[.*")
_LIST = re.compile(r"cells=(?!null$).+")
_SIMPLE = re.compile(r"study=([\w.+-]+(?:,[\w.+-]+)*)")


def checked_words(words: Sequence[str]) -> list[str]:
    """The words as Hydra is to read them: options first, and the name of a study as text, even if it is a number.

    Raises:
        BadSetting: an unknown option, options that exclude each other, or a word that is no setting.
    """
    options = _options(words)
    for word in options.overrides:
        if not re.match(r"~?[^=~\s]", word) or not ("=" in word or word.startswith("~")):
            raise BadSetting(f"Expected words of the form key=value, but got {word!r}.")
        if listed := LISTED.fullmatch(word):  # which Hydra would merge into one choice with the last one's grid
            raise BadSetting(
                f"Expected `{listed[1]}` to be one choice, but got a list, {word!r}."
                f" To run one after another give them without brackets: -m {listed[1]}=A,B"
            )
    named = [f"--{name.replace('_', '-')}" for name in _ALONE if getattr(options, name) not in (None, False)]
    if len(named) > 1:
        raise BadSetting(f"Expected one of {', '.join(named)}, but got them together.")
    if options.resolve and not (options.cfg or options.help):
        raise BadSetting("Expected `--resolve` only with --cfg or --help, whose configuration it resolves.")
    if options.package and not options.cfg:
        raise BadSetting(f"Expected `--package` only with --cfg, of which it shows a part, but got --package {options.package}.")
    if options.experimental_rerun is not None:
        raise BadSetting("Expected no `--experimental-rerun`, which would run what a pickle says; give the settings as words.")
    own = [_with_home(_with_study_as_text(word)) for word in options.overrides]
    return [*_without(words, options.overrides), *own]


def as_sweep(words: Sequence[str]) -> list[str]:
    """Checked words with -m, where they ask for a list of cells and do not say what else is to be done with the configuration."""
    options = _options(words)
    other = any(getattr(options, name) not in (None, False) for name in (*_ALONE, "help"))
    other = other or any(word.startswith("hydra.mode=") for word in options.overrides)
    return ["--multirun", *words] if not other and any(map(_LIST.fullmatch, options.overrides)) else list(words)


def with_folders_joined(words: Sequence[str]) -> list[str]:
    """With `--config-dir FOLDER` as one word, so that the folder is not taken for another."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _FOLDER:
            joined[-1] = f"{_FOLDER[0]}={word}"
        else:
            joined.append(word)
    return joined


def without_folders(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without `--config-dir=FOLDER`, and what says the same to Hydra where it has no command line.

    Raises:
        BadSetting: it is given twice, or with a folder that there is not.
    """
    folders = [word.partition("=")[2] for word in words if word.partition("=")[0] in _FOLDER]
    left = [word for word in words if word.partition("=")[0] not in _FOLDER]
    if not folders:
        return left, []
    path = Path(folders[-1]).expanduser().absolute()
    if len(folders) > 1 or not folders[0] or not path.is_dir():
        raise BadSetting(f"Expected `--config-dir` to be one folder that there is, but got {', '.join(map(repr, folders))}.")
    return left, [f"hydra.searchpath=['file://{path}']"]


def _options(words: Sequence[str]) -> Any:
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        options, unknown = parser.parse_known_intermixed_args(list(words))
    except ArgumentError as error:
        raise BadSetting(f"These options cannot be followed: {error}. --hydra-help lists all.") from error
    if unknown:
        raise BadSetting(f"Expected options that there are, but got {' '.join(unknown)}. --hydra-help lists all.")
    return options


def _without(words: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The options, in their order."""
    left = list(words)
    for word in reversed(overrides):
        place = len(left) - 1 - left[::-1].index(word)
        del left[place]
    return left


def _with_study_as_text(word: str) -> str:
    """With quotes around each name that Hydra would read as a number or the like; null stays what it is."""
    simple = _SIMPLE.fullmatch(word)
    if not simple:
        return word
    return "study=" + ",".join(name if _is_text(name) else f"'{name}'" for name in simple[1].split(","))


def _with_home(word: str) -> str:
    """With the user's home folder for a `~` at the beginning of the value, which is no value in Hydra's grammar."""
    key, _, value = word.partition("=")
    if not value.startswith("~") or "," in value:
        return word
    path = place(value, key)
    return f"{key}={path}" if re.fullmatch(r"[\w./+-]+", path) else f"{key}='{path}'"


def _is_text(name: str) -> bool:
    try:
        value = OverridesParser.create().parse_rule(name, "primitive")
    except HydraException:
        return True  # left to Hydra, which says what is wrong
    return isinstance(value, str) or value is None
