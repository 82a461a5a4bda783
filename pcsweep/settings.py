"""The signature is the schema: from a group's configuration to a function and checked arguments."""

import importlib
import inspect
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from pydantic import TypeAdapter, ValidationError

from pcsweep import leftovers
from pcsweep.bad_setting import BadSetting as BadSetting  # also from here
from pcsweep.distinct import DIFFERENT, bare, repeats_a_name
from pcsweep.extensions import defined_in, extension
from pcsweep.folders import make_folder
from pcsweep.terminal import complain

_VARIABLE = re.compile(r"\$\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}?(?=/|$)")
# Beyond these a number is a slip of the hand.
MOST_TIMESTEPS = 10_000
MOST_AT_ONCE = 1_000_000  # images times grid points
MOST_IMAGES = 100_000_000
_EXACT = 2.0**53  # up to which a float is the whole number that was written
_TARGET = re.compile(r"pcsweep\.(?P<group>[a-z]+)\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)\.(?P<attribute>[A-Za-z_][A-Za-z0-9_]*)")
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Detached(KeyboardInterrupt):
    """Ctrl-C while others go on computing; the message says how to come back."""


class Unfinished(Exception):
    """A sweep ended, and not all of its points are done; which and why has been said."""


@contextmanager
def refusing() -> Iterator[None]:
    """Around a Hydra task: a refused value ends the process with exit code 2 and one message."""
    try:
        yield
    except BadSetting as error:
        complain("pcsweep", error)
        sys.exit(2)


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
        return isinstance(other, Choice) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str]:
        return self.function.__module__, self.function.__qualname__, json.dumps(self.arguments, sort_keys=True, default=str)

    def describe(self, without: Iterable[str] = ()) -> dict[str, Any]:
        """Name and arguments, as they enter a grid point's identity."""
        return {"name": self.name, **{key: value for key, value in self.arguments.items() if key not in set(without)}}


def choose(group: str, config: Mapping[str, Any], extensions: Collection[str] = ()) -> Choice:
    """The choice that a group's configuration makes.

    Args:
        group: such as `noise`.
        config: `_target_` and the arguments.
        extensions: modules of the user's own in which `_target_` may lie; no other is imported.

    Raises:
        BadSetting: a `_target_` outside `pcsweep.<group>.` and the extensions (refused before anything is imported), an argument
            that the function does not have, or a value outside its annotation.
    """
    arguments = dict(config)
    target = str(arguments.pop("_target_", None))
    own = target.rpartition(".")[0] in extensions
    matched = _TARGET.fullmatch(target)
    if not own and not (matched and matched["group"] == group):
        module = target.rpartition(".")[0]
        own_module = (
            f" For a module of your own add extensions=[{module}]." if module and not module.startswith("pcsweep") else ""
        )
        raise BadSetting(f"Expected `{group}._target_` to be pcsweep.{group}.<file>.<function>, but got {target!r}.{own_module}")
    if nested := _nested_target(arguments, group):
        raise BadSetting(f"Expected one `_target_` in `{group}`, but there is another at `{nested}`.")
    module, _, attribute = target.rpartition(".")
    if own:
        function, name = extension(module, attribute, group), target
    else:
        function, name = _of_the_package(group, module, attribute), module.rpartition(".")[2]
    return Choice(group, name, function, checked(function, arguments, prefix=f"{group}."))


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


def checked(function: Callable[..., Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values, converted to what the annotations of `function` say; its defaults filled in.

    Args:
        function: its parameters that carry configuration are those given by keyword here, or with a default.
        values: by parameter name.
        prefix: of the names in messages, such as `noise.`.

    Raises:
        BadSetting: a name that is no parameter, a value outside its annotation, a keyword-only parameter without a value.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    settable = {name: parameter for name, parameter in parameters.items() if _is_setting(parameter, function)}
    if unknown := sorted(set(values) - set(settable)):
        names = ", ".join(f"`{prefix}{name}`" for name in settable) or "none"
        raise BadSetting(f"Unknown setting `{prefix}{unknown[0]}`. Valid ones: {names}.")
    result = {}
    for name, parameter in settable.items():
        if name in values:
            result[name] = _validated(parameter.annotation, values[name], f"{prefix}{name}")
        elif parameter.default is not parameter.empty:
            result[name] = parameter.default
        else:
            raise BadSetting(f"Expected a value for `{prefix}{name}`, but there is none.")
    return result


def _is_setting(parameter: inspect.Parameter, function: Callable[..., Any]) -> bool:
    """Data (an image, a generator, a head) comes by position and without default; settings are all other parameters."""
    data = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
    return inspect.isclass(function) or not data


def _validated(annotation: Any, value: Any, name: str) -> Any:
    """The value as its annotation says; one value stands for a list of one."""
    given = place(value, name) if isinstance(value, str) else value
    if get_origin(bare(annotation)) in (list, tuple) and isinstance(given, str | int | float):
        given = [given]
    if isinstance(given, float) and given.is_integer() and abs(given) > _EXACT:
        given = int(given)  # for pydantic to say which bound it is beyond
    try:
        result = TypeAdapter(annotation).validate_python(given)
    except ValidationError as error:
        allowed = " or ".join(dict.fromkeys(_allowed(detail["msg"]) for detail in error.errors()))
        raise BadSetting(f"Expected `{name}` to be {allowed}, but got {shown(value)}.") from None
    if _has_truth(given) and not _has_truth(result):  # true would count as 1
        raise BadSetting(f"Expected `{name}` to be no truth value, but got {shown(value)}.")
    if isinstance(result, list | tuple) and repeats_a_name(result):
        raise BadSetting(f"Expected `{name}` to be {DIFFERENT}, but got {shown(value)}.")
    return result


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


def completed(words: Sequence[str]) -> list[str]:
    """With `study=` before a word that is a name alone."""
    return [f"study={word}" if STUDY_NAME.fullmatch(word) else word for word in words]


def words_of(words: Sequence[str], valid: Sequence[str]) -> dict[str, str]:
    """The `key=value` words of a command that has no configuration.

    Raises:
        BadSetting: a key that is not valid.
    """
    pairs = [word.partition("=")[::2] for word in completed(words)]
    given = dict(pairs)
    if len(given) < len(pairs):
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        raise BadSetting(f"Expected `{twice[0]}` once, but got it several times.")
    for key in given:
        if key not in valid:
            raise BadSetting(f"Expected one of {', '.join(f'{name}=' for name in valid)}, but got {key!r}.")
    return given


def existing_study(output_root: str, study: str) -> Path:
    """The folder of a study that is there.

    Raises:
        BadSetting: it is not; the message names those that are.
    """
    root = Path(place(output_root, "output_root"))
    folder = root / study
    if not STUDY_NAME.fullmatch(study) or not folder.is_dir():
        there = (
            ", ".join(sorted({path.parent.name for kind in ("shards", "planned") for path in root.glob(f"*/{kind}")})) or "none"
        )
        raise BadSetting(f"Expected `study` to name a study in {root} (there: {there}), but got {study!r}.")
    return folder


def study_folder(output_root: object, study: object) -> str:
    """`<output_root>/<study>`, made if missing: called before Hydra makes its own folder in there.

    Raises:
        BadSetting: a name that is no plain folder name, or a folder that cannot be written.
    """
    if not isinstance(study, str) or not STUDY_NAME.fullmatch(study):
        quotes = f"; in a file it needs quotes: study: '{study}'" if isinstance(study, int | float) else ""
        raise BadSetting(f"Expected `study` to be a name of letters, digits, '.', '_' and '-', but got {shown(study)}{quotes}.")
    if output_root is None:
        raise BadSetting("Expected `output_root` to be a path, but got null.")
    folder = Path(place(str(output_root), "output_root")) / study
    leftovers.will_make(folder)
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadSetting(f"Expected `output_root` to be a folder that can be written, but {folder}: {error.strerror}.") from error
    return str(folder)
