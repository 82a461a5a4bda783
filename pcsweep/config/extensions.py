"""Functions of the user's own, in modules that `extensions=[…]` names: on Python's path, or where the command is given."""

import importlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from pcsweep.config.errors import BadSetting

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def named(plain: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that the key `extensions` of a configuration names, one or a list.

    Raises:
        BadSetting: something that is no name of a module.
    """
    given = plain.get("extensions")
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list | tuple):
        raise BadSetting(f"Expected `extensions` to be a list of modules, such as [my_noises], but got {given!r}.")
    for name in names:
        if not isinstance(name, str) or not _MODULE.fullmatch(name) or name.partition(".")[0] == "pcsweep":
            raise BadSetting(f"Expected `extensions` to be modules of your own, such as [my_noises], but got {name!r}.")
    if len(set(names)) < len(names):
        raise BadSetting(f"Expected `extensions` to be different modules, but got [{', '.join(names)}].")
    return tuple(names)


def of_word(text: str) -> tuple[str, ...]:
    """The modules that `extensions=` of a command without a configuration names: `a`, `a,b` or `[a,b]`; none if it is empty.

    Raises:
        BadSetting: something that is no name of a module.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return named({"extensions": [name.strip() for name in bare.split(",")] if bare.strip() else []})


def extension(module_name: str, attribute: str, group: str) -> Callable[..., Any]:
    """The function or class of a module that the user has named.

    Raises:
        BadSetting: there is no such module, it cannot be imported, or it does not define that function.
    """
    return defined_in(imported(module_name, "extensions"), attribute, group)


def imported(module_name: str, key: str) -> ModuleType:
    """A module that the user has named under this key.

    Raises:
        BadSetting: there is no such module, or it cannot be imported.
    """
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # last: nothing there takes the place of another module
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # whatever the user's own module raises
        raise BadSetting(
            f"Expected `{key}` to be modules that can be imported from {here} or Python's path, but {module_name}: "
            f"{type(error).__name__}: {error}"
        ) from error


def defined_in(module: ModuleType, attribute: str, group: str) -> Callable[..., Any]:
    """The function or class of that name.

    Raises:
        BadSetting: the module does not define it, or only imports it.
    """
    found = getattr(module, attribute, None)
    if found is None:
        raise BadSetting(f"Expected `{group}._target_` to exist, but {module.__name__} has no {attribute!r}.")
    if not callable(found) or getattr(found, "__module__", None) != module.__name__:
        target = f"{module.__name__}.{attribute}"
        raise BadSetting(f"Expected `{group}._target_` to be a function or class of {module.__name__}, but got {target!r}.")
    function: Callable[..., Any] = found
    return function
