"""Update rules: what a network does from one timestep to the next, a file each, whose `RULE` is what this folder is asked for.

A new rule is a new file here, found by listing the folder, and a YAML that names it in `conf/pcoder`. What a rule says of its
coefficients needs no torch, so that whoever only reads a study does not wait for it.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.config.found import check_once, offered
from pcsweep.pcoder.check import problem_of
from pcsweep.pcoder.rule import UpdateRule, keys_of

USUAL = "predictive_coding"  # where a configuration names no rule


@cache
def rules() -> dict[str, UpdateRule]:
    """Every rule by name, the usual one first.

    Raises:
        BadSetting: a file's rule lacks something, or two have one name; names the files.
    """
    return rules_of(offered(__name__, __path__, "RULE"))


@cache
def files() -> dict[str, Path]:
    """The file of each rule."""
    return {rule.name: path for path, rule in offered(__name__, __path__, "RULE")}


def rules_of(found: Iterable[tuple[Path, Any]]) -> dict[str, UpdateRule]:
    """The rules of these files by name, the usual one first.

    Raises:
        BadSetting: as `rules`.
    """
    places: dict[str, Path] = {}
    by_name: dict[str, UpdateRule] = {}
    for path, rule in found:
        if problem := problem_of(rule, needs_step=path.stem != USUAL):
            raise BadSetting(f"Expected `RULE` of {path} to be an update rule (pcsweep.pcoder.rule.UpdateRule), but {problem}.")
        check_once("update rule", rule.name, path, places)
        by_name[rule.name] = rule
    for name, path in places.items():
        if name != path.stem:
            raise BadSetting(f"Expected `RULE` of {path} to have the name of its file, {path.stem!r}, but got {name!r}.")
    return {USUAL: by_name.pop(USUAL), **by_name}


def rule_named(name: object) -> UpdateRule:
    """The rule of this name, with its parameters as they are by default.

    Raises:
        BadSetting: there is none; says which there are.
    """
    if not isinstance(name, str) or name not in rules():
        raise BadSetting(f"Expected `pcoder.rule` to be {' or '.join(rules())}, but got {name!r}.")
    return rules()[name]


def rule_of(pcoder: Mapping[str, Any]) -> UpdateRule:
    """The rule that the settings of the pcoder group name."""
    return rule_named(pcoder.get("rule", USUAL))


@cache
def coefficients() -> tuple[str, ...]:
    """The keys of the coefficients of every rule, those of the usual one first."""
    return tuple(dict.fromkeys(key for rule in rules().values() for key in keys_of(rule)))
