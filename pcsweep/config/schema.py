"""The signature is the schema: from a group's configuration to a function and checked arguments."""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, get_origin

from pydantic import TypeAdapter, ValidationError

from pcsweep.config.distinct import DIFFERENT, bare, repeats_a_name
from pcsweep.config.errors import BadSetting as BadSetting  # also from here
from pcsweep.config.extensions import defined_in, extension
from pcsweep.config.sources import SOURCE, file_sha256, source_sha256

_VARIABLE = re.compile(r"\$\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}?(?=/|$)")
# Beyond these a number is a slip of the hand.
MOST_TIMESTEPS = 10_000
MOST_AT_ONCE = 1_000_000  # images times grid points
MOST_IMAGES = 100_000_000
_EXACT = 2.0**53  # up to which a float is the whole number that was written
_TARGET = re.compile(r"pcsweep\.(?P<group>[a-z]+)\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)\.(?P<attribute>[A-Za-z_][A-Za-z0-9_]*)")


class Mark(Enum):
    """What an annotation says of a setting beside its type, as in `root: Annotated[Path, Mark.PLACE]`.

    A setting without a mark decides numbers: it is part of the identity of every grid point that has it.
    """

    PLACE = "says where something lies, whose content is part of the identity"
    ASIDE = "decides no number"
    YOUNGER = "is younger than studies that there are: part of the identity only where it has a value"


def decisive(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values of a function's settings that decide numbers, by name."""
    kept = {}
    found = _marks(function)
    for name, value in values.items():
        marks = found[name]
        if not marks & {Mark.PLACE, Mark.ASIDE} and not (Mark.YOUNGER in marks and value is None):
            kept[name] = value
    return kept


@cache
def _marks(function: Callable[..., Any]) -> dict[str, frozenset[Mark]]:
    """Those of each of its settings."""
    parameters = inspect.signature(function, eval_str=True).parameters
    return {
        name: frozenset(mark for mark in getattr(each.annotation, "__metadata__", ()) if isinstance(mark, Mark))
        for name, each in parameters.items()
    }


@dataclass(frozen=True, eq=False)
class Choice:
    """What one configuration group has chosen: a function or class of the package, and the settings to call it with.

    Args:
        group: such as `noise`.
        name: of its file, such as `gaussian`.
        function: what `_target_` names.
        arguments: checked against the function's signature.
    """

    group: str
    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    def __call__(self) -> Any:
        """Calls the function with its settings.

        Raises:
            BadSetting: the function refuses one with a ValueError.
        """
        try:
            return self.function(**self.arguments)
        except ValueError as error:
            raise BadSetting(str(error)) from error

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Choice) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, ...]:
        return self.function.__module__, self.function.__qualname__, json.dumps(self.arguments, sort_keys=True, default=str)

    @property
    def own(self) -> bool:
        """Whether it is of a module of the user's own."""
        return "." in self.name

    def sources(self) -> dict[str, str]:
        """A hash of its code: of the user's own module, or of the package's file, by its name."""
        name = self.function.__module__
        if self.own:
            return {name: source_sha256(name)}
        return {f"{name.replace('.', '/')}.py": file_sha256(Path(str(sys.modules[name].__file__)))}

    def describe(self) -> dict[str, Any]:
        """Name and arguments."""
        return {"name": self.name, **self.arguments}

    def decisive(self) -> dict[str, Any]:
        """Name and those of the arguments that decide numbers, as they enter a grid point's identity, and the user's own code."""
        source = {SOURCE: source_sha256(self.function.__module__)} if self.own else {}
        return {"name": self.name, **decisive(self.function, self.arguments), **source}


def choose(group: str, config: Mapping[str, Any], extensions: Collection[str] = (), others: str = "") -> Choice:
    """The choice that a group's configuration makes.

    Args:
        group: such as `noise`.
        config: `_target_` and the arguments.
        extensions: modules of the user's own in which `_target_` may lie; no other is imported.
        others: what else may be given beside the arguments, for messages.

    Raises:
        BadSetting: a `_target_` outside `pcsweep.<group>.` and the extensions (refused before anything is imported), an argument
            that the function does not have, or a value outside its annotation.
    """
    arguments = dict(config)
    function, name = function_of(group, arguments.pop("_target_", None), extensions)
    if nested := _nested_target(arguments, group):
        raise BadSetting(f"Expected one `_target_` in `{group}`, but there is another at `{nested}`.")
    return Choice(group, name, function, checked(function, arguments, f"{group}.", others))


def function_of(group: str, target: object, extensions: Collection[str] = ()) -> tuple[Callable[..., Any], str]:
    """The function or class that a group's `_target_` names, and its name in tables.

    Raises:
        BadSetting: as `choose`.
    """
    module, _, attribute = str(target).rpartition(".")
    if module in extensions:
        function = extension(module, attribute, group)
        source_sha256(module)  # now, of what has just been imported
        return function, str(target)
    matched = _TARGET.fullmatch(str(target))
    if not (matched and matched["group"] == group):
        own_module = (
            f" For a module of your own add extensions=[{module}]." if module and not module.startswith("pcsweep") else ""
        )
        raise BadSetting(
            f"Expected `{group}._target_` to be pcsweep.{group}.<file>.<function>, but got {str(target)!r}.{own_module}"
        )
    return _of_the_package(group, module, attribute), module.rpartition(".")[2]


def _of_the_package(group: str, module_name: str, attribute: str) -> Callable[..., Any]:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise BadSetting(
            f"Expected `{group}._target_` to name a file of pcsweep/{group}, but there is no {module_name}."
        ) from None
    return defined_in(module, attribute, group)


def checked(function: Callable[..., Any], values: Mapping[str, Any], prefix: str = "", others: str = "") -> dict[str, Any]:
    """The values, converted to what the annotations of `function` say; its defaults filled in.

    Args:
        function: its parameters that carry configuration are those given by keyword here, or with a default.
        values: by parameter name.
        prefix: of the names in messages, such as `noise.`.
        others: what else may be given beside these, for messages.

    Raises:
        BadSetting: a name that is no parameter, a value outside its annotation, a keyword-only parameter without a value.
    """
    settable = _settable(function)
    if unknown := sorted(set(values) - set(settable)):
        names = ", ".join(f"`{prefix}{name}`" for name in settable) + others
        raise BadSetting(f"Unknown setting `{prefix}{unknown[0]}`. Valid ones: {names.removeprefix(', ') or 'none'}.")
    result = {}
    for name, parameter in settable.items():
        if name in values:
            result[name] = validated(parameter.annotation, values[name], f"{prefix}{name}")
        elif parameter.default is not parameter.empty:
            result[name] = parameter.default
        else:
            raise BadSetting(f"Expected a value for `{prefix}{name}`, but there is none.")
    return result


@cache
def _settable(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Its settings by name, each with an annotation.

    Raises:
        BadSetting: one has none, or one that cannot be read; names the function and its file.
    """
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
    except Exception as error:  # whatever the user's own annotation raises
        raise BadSetting(f"Expected annotations that can be read in {whose(function)}, but: {error}.") from error
    settable = {name: parameter for name, parameter in parameters.items() if _is_setting(parameter, function)}
    for name, parameter in settable.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise BadSetting(f"Expected the settings of {whose(function)} to be named one by one, but got {parameter}.")
        if parameter.annotation is parameter.empty:
            raise BadSetting(
                f"Expected every setting of {whose(function)} to say what it may be, such as {name}: float, but {name!r} has no "
                "annotation."
            )
    return settable


def whose(function: Callable[..., Any]) -> str:
    """A function or class with its file, for messages: `my_noises.salt (/home/me/my_noises.py)`."""
    code = inspect.unwrap(function)
    file = getattr(sys.modules.get(code.__module__), "__file__", None)
    return f"{code.__module__}.{code.__qualname__}" + (f" ({file})" if file else "")


def _is_setting(parameter: inspect.Parameter, function: Callable[..., Any]) -> bool:
    """Data (an image, a generator, a head) comes by position and without default; settings are all other parameters."""
    data = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
    return inspect.isclass(function) or not data


def validated(annotation: Any, value: Any, name: str) -> Any:
    """The value as its annotation says; one value stands for a list of one."""
    given = place(value, name) if isinstance(value, str) else value
    if get_origin(bare(annotation)) in (list, tuple) and isinstance(given, str | int | float):
        given = [given]
    if isinstance(given, float) and given.is_integer() and abs(given) > _EXACT:
        given = int(given)  # for pydantic to say which bound it is beyond
    try:
        result = _adapter(annotation).validate_python(given)
    except ValidationError as error:
        allowed = " or ".join(dict.fromkeys(_allowed(detail["msg"]) for detail in error.errors()))
        raise BadSetting(f"Expected `{name}` to be {allowed}, but got {shown(value)}.") from None
    if _has_truth(given) and not _has_truth(result):  # true would count as 1
        raise BadSetting(f"Expected `{name}` to be no truth value, but got {shown(value)}.")
    if isinstance(result, list | tuple) and repeats_a_name(result):
        raise BadSetting(f"Expected `{name}` to be {DIFFERENT}, but got {shown(value)}.")
    return result


def _adapter(annotation: Any) -> Any:
    """What checks values of it, made once."""
    try:
        return _adapters(annotation)
    except TypeError:  # it cannot be told apart from others
        return TypeAdapter(annotation)


@lru_cache(maxsize=1024)
def _adapters(annotation: Any) -> Any:
    return TypeAdapter(annotation)


def _has_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_has_truth, value)))


def shown(value: Any) -> str:
    """As it is written in YAML and on the command line, where that is not what Python writes."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def place(text: str, name: str) -> str:
    """A path with the user's home folder for a `~` at its beginning; any other text as it is.

    Raises:
        BadSetting: there is no such user, or the text begins with a variable that no shell has replaced.
    """
    if variable := _VARIABLE.match(text):
        raise BadSetting(
            f"Expected `{name}` to be a path, but got {text!r}, in which {variable[0]} has not been replaced: leave out the "
            f"single quotes, or write ${{oc.env:{variable['name']}}}."
        )
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise BadSetting(f"Expected `{name}` to be a path, but got {text!r}: there is no such user.") from error


def _allowed(message: str) -> str:
    allowed = re.sub(r"^(Input should be|Value error,) ", "", message)
    allowed = re.sub(r"^a valid (tuple|list)$", "a list such as [a,b]", allowed)
    allowed = re.sub(r"^Input is not a valid path for .*", "a path", allowed)
    return re.sub(r", (unable to|got a|input was).*$", "", allowed)


def _nested_target(value: Any, path: str) -> str | None:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if key == "_target_":
            return f"{path}._target_"
        if found := _nested_target(inner, f"{path}.{key}"):
            return found
    return None
