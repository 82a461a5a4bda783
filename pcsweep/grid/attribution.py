"""The attribution group of a configuration: a function with its settings, and the keys that every attribution has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcsweep.attribution.scene import has_layer
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice, checked, choose, function_of, whose
from pcsweep.measure.truth import Target


@dataclass(frozen=True)
class AttributionSettings:
    """What the group has chosen.

    Args:
        choice: the function, and the settings that are its own.
        target: the class whose map is taken.
        layer: where the activation is taken, if the function asks for one; `None` at the last pcoder.
    """

    choice: Choice
    target: Target
    layer: str | None


def attribution_settings(group: Mapping[str, Any], extensions: Sequence[str]) -> AttributionSettings:
    """The settings that the keys of the group stand for.

    Raises:
        BadSetting: no such function or setting, a value outside its annotation, or a function that asks for what there is not.
    """
    function, _ = function_of("attribution", group.get("_target_"), extensions)
    try:
        common = {"layer", "target"} if has_layer(function) else {"target"}
    except ValueError as error:
        raise BadSetting(f"{whose(function)}: {error}") from error
    taken = checked(_common, {key: group[key] for key in sorted(common) if key in group}, "attribution.")
    others = "".join(f", `attribution.{key}`" for key in sorted(common))
    own = {key: value for key, value in group.items() if key not in common}
    return AttributionSettings(choose("attribution", own, extensions, others), taken["target"], taken["layer"])


def _common(*, target: Target = "label", layer: str | None = None) -> None:
    """The signature of the keys that every attribution has, and of those that one at a layer has."""
