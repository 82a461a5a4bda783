"""What Hydra and OmegaConf raise about the words of a command, told as one message that names the word and what is allowed."""

import difflib
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
import omegaconf
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pcsweep.config import faults
from pcsweep.config.errors import BadSetting
from pcsweep.config.overrides import LISTED

_THEIRS = tuple(f"{Path(str(package.__file__)).parent}{os.sep}" for package in (hydra, omegaconf))
_SEVERAL = re.compile(r"(Ambiguous value for argument|Sweep parameters) '(?P<word>[^\n]*)'( requires --multirun)?(\n|$)")
_MEANT = 3  # suggestions at most
_ALIKE = 0.6  # of two names, 0 to 1, from where on one may be meant with the other


def message(error: BaseException) -> str | None:
    """What is wrong with the words of the command; None where the error is no refusal of them but a fault.

    Args:
        error: as it was caught, with its traceback.
    """
    if isinstance(error, BadSetting):
        return str(error)
    if refused := faults.told(error):
        return refused
    if unknown := _unknown(error):
        return unknown
    if several := _SEVERAL.search(str(error)) if isinstance(error, ConfigCompositionException) else None:
        return _one_wanted(several["word"])
    if isinstance(error, OverrideParseException):
        return _unparsed(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return told(error)
    if _raised_by_hydra(error):
        return _plain(error)
    return None


def _one_wanted(word: str) -> str:
    key, _, values = word.partition("=")
    one = f"{key}=[{values}]"
    listed = "" if "(" in values or LISTED.fullmatch(one) else f" A list as one value is {one}."
    return f"Expected one value of `{key}`, but got several: {word}. To run or plan each, add -m, for a sweep.{listed}"


def told(error: BaseException) -> str:
    """Hydra's own words and those of what caused it."""
    said = [str(error).strip()]
    while isinstance(error.__cause__, HydraException | OmegaConfBaseException | BadSetting):
        error = error.__cause__
        said.append(str(error).strip())
    text = "\n".join(line for line in dict.fromkeys(said) if line).partition("\nConfig search path")[0]
    if "raised while resolving interpolation: " in text:
        text = text.partition("raised while resolving interpolation: ")[2].partition("\n")[0]
    if missing := re.fullmatch(r"Interpolation key '([^']+)' not found\s*.*", text, re.DOTALL):
        return f"Expected a value for `{missing[1]}`, to which others refer, but there is none; a ~ takes away what it names."
    if "Key 'grids' not in" in text:
        return "Expected hydra/sweeper=grid for what sets `hydra.sweeper.grids`: no other sweeper runs several grids."
    text = re.sub(r"\n\s*(full_key|reference_type|object_type)[:=].*", "", text).rstrip()
    text = re.sub(r", set env var HYDRA_FULL_ERROR=1 to see chained exception\.", ".", text)
    return text + _meant_option(error)


def _meant_option(error: BaseException) -> str:
    """For a choice that is none of its group's."""
    missing = error.missing_cfg_file if isinstance(error, MissingConfigException) else None
    options = error.options if isinstance(error, MissingConfigException) else None
    meant = difflib.get_close_matches(Path(str(missing)).name, options or [], _MEANT, _ALIKE)
    return f"\nDid you mean {' or '.join(meant)}?" if meant else ""


def _unparsed(error: OverrideParseException) -> str:
    """Names the word, and where in it the fault is, as far as Hydra says."""
    word = str(error.override)
    if "=" not in word.lstrip("~"):
        return f"Expected words of the form key=value, but got {word!r}."
    detail = re.sub(r"\s*See https://hydra\.cc\S* for details\s*$", "", str(error)).strip()
    detail = " ".join(line.strip() for line in detail.splitlines() if line.strip(" ^"))
    detail = detail.removeprefix(f"Error parsing override '{word}'").strip()
    return f"Expected {word!r} to be a word that Hydra understands, but {detail or 'it is none'}.{_advice(word, detail)}"


def _advice(word: str, said: str) -> str:
    value = word.partition("=")[2]
    for left, right in ("[]", "{}", "()"):
        if value.count(left) != value.count(right):
            return f" Every {left} needs its {right}; put the word in quotes if it has spaces."
    if "LexerNoViableAltException" in said:
        return " A character in it means something to Hydra; put the value in quotes of its own: " + _quoted(word)
    if "=" in value:
        return f" A value with '=' in it needs quotes of its own: {_quoted(word)}"
    return ""


def _quoted(word: str) -> str:
    key, _, value = word.partition("=")
    return shlex.quote(f"{key}='{value}'")


def _plain(error: BaseException) -> str:
    """An exception of Python's own that Hydra lets through."""
    said = str(error) if not isinstance(error, KeyError) else f"there is no {error}"
    for frame in _frames(error):
        override, loader = frame.f_locals.get("override"), frame.f_locals.get("repo")
        if isinstance(override, Override) and loader is not None and frame.f_code.co_name == "__init__":
            options = ", ".join(loader.get_group_options(override.key_or_group)) or "none"
            return f"Expected `{override.key_or_group}` to be one of {options}, but got {str(override.input_line)!r}."
        if isinstance(override, Override):
            return (
                f"Expected {str(override.input_line)!r} to be a word that Hydra can follow, but: {said or type(error).__name__}."
            )
    return f"Hydra cannot follow these words: {said or type(error).__name__}"


def _raised_by_hydra(error: BaseException) -> bool:
    """Whether the last code that is no part of Python itself is Hydra's or what it is made of."""
    return isinstance(error, Exception) and next(filter(None, map(_whose, _frames(error))), "") == "hydra's"


def _whose(frame: FrameType) -> str:
    """Whose code it is; empty for Python's own and for the parser that Hydra uses, which Hydra calls as others do."""
    name = frame.f_code.co_filename
    if name.startswith(_THEIRS):
        return "hydra's"
    pythons = name.startswith((os.path.dirname(os.__file__) + os.sep, "<frozen")) and "site-packages" not in name
    return "" if pythons or f"{os.sep}antlr4{os.sep}" in name else "another's"


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Of its traceback, the innermost first."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return reversed(frames)


def _unknown(error: BaseException) -> str | None:
    """For a key that is not there: those that are, in the very configuration in which Hydra did not find it."""
    found = re.match(r"Could not override '([^']*)'\.", str(error))
    if not found:
        return None
    config, repo = (_local(error, name) for name in ("cfg", "caching_repo"))
    return unknown_key(found[1], config, repo) if isinstance(config, DictConfig) else None


def _local(error: BaseException, name: str) -> Any:
    """The value of a variable in the innermost function that has it."""
    return next((frame.f_locals[name] for frame in _frames(error) if name in frame.f_locals), None)


def unknown_key(key: str, config: DictConfig, repo: Any = None) -> str:
    """What to say of a key that the configuration does not have.

    Args:
        key: with dots.
        config: the whole configuration.
        repo: Hydra's, of all files.
    """
    parent, _, last = key.rpartition(".")
    level: Any = OmegaConf.select(config, parent, throw_on_missing=False) if parent else config
    if last.isdigit():
        return f"Expected `{parent}` to be a list that has an element {last}; give the whole list before it on the command line."
    meant = _meant(key, config)
    if not OmegaConf.is_dict(level):
        value = "" if level is None else f" `{parent}` is a value, which has no parts."
        return f"Unknown setting `{key}`.{meant}{value}"
    valid = _keys(level)
    if last in valid:
        return f"`{key}` is there, but not with these keys; to add keys to it, put a + before it: +{key}={{…}}"
    named = ", ".join(f"`{parent}.{name}`" if parent else f"`{name}`" for name in valid)
    if named:
        return f"Unknown setting `{key}`.{meant} Valid ones: {named}."
    files = {name: repo.load_config(f"{parent}/{name}").config for name in repo.get_group_options(parent)} if repo else {}
    having = [f"{parent}={name}" for name, file in files.items() if last in file]
    there = f" {' and '.join(having)} {'has' if len(having) == 1 else 'have'} it." if having else meant
    return f"Unknown setting `{key}`: `{parent}` has no settings here.{there}"


def _keys(level: Any) -> list[str]:
    return [str(name) for name in level if not str(name).startswith("_") and name != "hydra"]


def _meant(key: str, config: DictConfig) -> str:
    """Such as ` Did you mean `pcoder.beta`?`."""
    names = [f"`{name}`" for name in suggestions(key, paths(config))]
    return f" Did you mean {' or '.join(names)}?" if names else ""


def paths(config: DictConfig, prefix: str = "") -> list[str]:
    """The dotted names of all settings, Hydra's own left out."""
    found: list[str] = []
    for name in _keys(config):
        found.append(f"{prefix}{name}")
        inner = config._get_node(name)
        if isinstance(inner, DictConfig) and not inner._is_none() and not inner._is_interpolation():
            found += paths(inner, f"{prefix}{name}.")
    return found


def suggestions(key: str, there: Sequence[str]) -> list[str]:
    """The settings that may be meant by a key that is none: first those with its last part, then those that are spelled alike."""
    last = key.rpartition(".")[2].strip("_").casefold()
    same = [path for path in there if path.rpartition(".")[2].casefold() == last]
    by_last = difflib.get_close_matches(last, sorted({path.rpartition(".")[2] for path in there}), _MEANT, _ALIKE)
    parent = key.rpartition(".")[0]
    alike = [path for name in by_last for path in there if path.rpartition(".")[2] == name]
    alike = [path for path in alike if path.rpartition(".")[0] == parent] or alike
    whole = difflib.get_close_matches(key, there, _MEANT, 0.8)
    return list(dict.fromkeys([*same, *whole, *alike]))[:_MEANT]
