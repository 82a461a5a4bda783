"""Whether what a file calls its rule is one, as far as its coefficients say; what needs torch is tried with the first point."""

import inspect
import re
from dataclasses import fields, is_dataclass
from typing import Any

from pcsweep.config.found import SHARD_COLUMNS
from pcsweep.pcoder.rule import Coefficient, UpdateRule, keys_of, valued

_SAYS = ("name", "asks", "coefficients", "axes", "inert_in_last", "skipped", "control", "is_skipped", "is_feedforward")
_TAKEN = (
    *("rule", "active", "gradient_scaling", "stretch", "hyperparameter"),  # keys that the pcoder group has of its own
    *(*SHARD_COLUMNS, "area"),
)
_METHODS = {"step": ("values", "drive", "before", "state", "rectified"), "start": ("initial", "rectified")}


def problem_of(rule: Any, needs_step: bool) -> str:
    """What a rule lacks, in words; empty if nothing.

    Args:
        rule: what a file calls `RULE`.
        needs_step: whether it is computed by a step of its own.
    """
    if isinstance(rule, type) or not is_dataclass(rule):
        return f"got {rule!r:.60}, and not a frozen dataclass made with ()"
    if lacking := [name for name in _SAYS if not hasattr(rule, name)]:
        return f"it lacks {', '.join(lacking)}"
    assert isinstance(rule, UpdateRule)
    return _of_coefficients(rule) or _of_axes(rule) or _of_fields(rule) or (_of_methods(rule) if needs_step else "")


def _of_coefficients(rule: UpdateRule) -> str:
    if not rule.coefficients or not all(isinstance(each, Coefficient) for each in rule.coefficients):
        return "its coefficients are no tuple of pcsweep.pcoder.rule.Coefficient"
    keys = keys_of(rule)
    for key in keys:
        if not re.fullmatch(r"[A-Za-z]\w*", key) or key in _TAKEN or keys.count(key) > 1:
            return f"the key {key!r} is no name of letters, digits and _ that nothing else has"
    for each in rule.coefficients:
        if not 0 <= each.lowest <= each.plain <= each.highest:
            return f"the plain value of {each.key!r} is {each.plain}, outside of its range"
    plain = valued(rule, tuple(each.plain for each in rule.coefficients))
    said = ", ".join(f"{key} = {value:g}" for key, value in plain.items())
    if rule.is_skipped(plain):
        return f"`is_skipped` says that there is no update with the plain values, {said}"
    if not rule.is_feedforward(plain, False):
        return f"`is_feedforward` says that a pcoder with the plain values, {said}, is not feedforward"
    return ""


def _of_axes(rule: UpdateRule) -> str:
    keys, axes = keys_of(rule), rule.axes
    if isinstance(axes, str) or len(axes) != 2 or len(set(axes)) < 2 or not set(axes) <= set(keys):
        return f"its axes are {axes!r}, and not two different ones of its coefficients {', '.join(keys)}"
    if unknown := [key for key in rule.inert_in_last if key not in keys]:
        return f"inert_in_last names {unknown[0]!r}, which is none of its coefficients {', '.join(keys)}"
    return ""


def _of_fields(rule: Any) -> str:
    for field in fields(rule):
        if field.name in (*_TAKEN, *keys_of(rule)):
            return f"its setting {field.name!r} has a name that the pcoder group has already"
        if not hasattr(rule, field.name):
            return f"its setting {field.name!r} has no value"
    return ""


def _of_methods(rule: Any) -> str:
    for name, parameters in _METHODS.items():
        method = getattr(rule, name, None)
        if not callable(method):
            return f"it lacks a method {name}({', '.join(parameters)})"
        try:
            inspect.signature(method).bind(*parameters)
        except TypeError as error:
            return f"its {name} takes other parameters than {', '.join(parameters)} ({error})"
    return ""
