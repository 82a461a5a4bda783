"""Update rules: what a network does from one timestep to the next, a file each, whose `RULE` is what this folder is asked for.

A new rule is a new file here, found by listing the folder, and a YAML that names it in `conf/pcoder`. What a rule says of its
coefficients needs no torch, so that whoever only reads a study does not wait for it.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.rule import UpdateRule, keys_of

USUAL = "predictive_coding"  # where a configuration names no rule


@cache
def rules() -> dict[str, UpdateRule]:
    """Every rule by name, the usual one first."""
    modules = {found.name: importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)}
    found = {name: module.RULE for name, module in sorted(modules.items()) if hasattr(module, "RULE")}
    return {USUAL: found.pop(USUAL), **found}


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
