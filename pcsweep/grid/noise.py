"""The noise group of a configuration: a function with its settings, and the keys that every noise has."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice, Mark, checked, choose, function_of, shown
from pcsweep.dataset import Sample
from pcsweep.model import Model
from pcsweep.noise import BySeverity, Space, corrupt, generator_for

Seed = Annotated[int, Field(ge=0, lt=2**63)]
_KEYS = ("space", "clip", "seed", "severity", "per_timestep")


@dataclass(frozen=True)
class NoiseSettings:
    """Where, how often and after whose table noise is added.

    Args:
        space: before or after the model's normalisation.
        clip: whether the noisy image is cut to the range of pixels.
        seed: of what is drawn.
        severity: that has set the noise's parameter; None where that was given itself.
        per_timestep: True where noise is drawn anew at every timestep; else None, so that older identities hold.
    """

    space: Space = "normalized"
    clip: bool = False
    seed: Seed = 0
    severity: Annotated[int | None, Mark.YOUNGER] = None
    per_timestep: Annotated[Literal[True] | None, Mark.YOUNGER] = None

    def corrupted(self, noise: Choice, sample: Sample, model: Model, timestep: int) -> Tensor:
        """The sample's noisy image, as the model normalises it: that of t = 0, unless it is drawn anew at every timestep."""
        drawn = generator_for(sample.image_id, self.seed, timestep if self.per_timestep else 0)
        return corrupt(sample.image, partial(noise.function, **noise.arguments), drawn, model, self.space, self.clip)

    def words(self, noise: Choice) -> list[str]:
        """Such as `shot c=12.0 severity=3`."""
        own = {name: value for name, value in noise.arguments.items() if name != "space"}
        words = [noise.name, *(f"{'σ' if name == 'sigma' else name}={value}" for name, value in own.items())]
        words += [] if self.severity is None else [f"severity={self.severity}"]
        return words + ["drawn anew at every timestep"] * bool(self.per_timestep)


def noise_settings(group: Mapping[str, Any], extensions: Sequence[str]) -> tuple[Choice, NoiseSettings]:
    """The noise that the keys of the group stand for, a severity replaced by the value that it sets.

    Raises:
        BadSetting: no such function or setting, a value outside its annotation, or a severity of a noise that has none, beside
            another value of what it sets, or in the space `normalized`.
    """
    function, name = function_of("noise", group.get("_target_"), extensions)
    parameters = inspect.signature(function).parameters
    common = [key for key in _KEYS if key == "space" or key not in parameters]  # a noise's own settings are its own
    keys = checked(_common, {key: group[key] for key in common if key in group}, "noise.")
    severity, space, clip = keys["severity"], keys["space"], keys["clip"]
    own = {key: value for key, value in group.items() if key not in common}
    if severity is not None:
        own = _by_severity(function, name, own, severity)
        if space == "normalized":
            raise BadSetting(
                "Expected `noise.space` to be pixel with `noise.severity`, since ImageNet-C's severities are of pixels in "
                "[0, 1], but got 'normalized'."
            )
    settings = NoiseSettings(
        space=space or ("normalized" if severity is None else "pixel"),
        clip=severity is not None if clip is None else clip,
        seed=keys["seed"],
        severity=severity,
        per_timestep=keys["per_timestep"] or None,
    )
    if "space" in parameters:
        own["space"] = settings.space
    return choose("noise", own, extensions, "".join(f", `noise.{key}`" for key in common)), settings


def _common(
    *,
    space: Space | None = None,
    clip: bool | None = None,
    seed: Seed = 0,
    severity: Annotated[int, Field(ge=1, le=5)] | None = None,
    per_timestep: bool = False,
) -> None:
    """The signature of the keys that every noise has."""


def _by_severity(function: Callable[..., Any], name: str, given: Mapping[str, Any], severity: int) -> dict[str, Any]:
    """The settings with that one which a severity sets; the value that its YAML has counts as none.

    Raises:
        BadSetting: the noise has no severities, or another value is given.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    known = {each.name: (each, _levels(each)) for each in parameters if _levels(each)}
    if not known:
        raise BadSetting(f"Expected `noise.severity` to be null, since the noise {name} has no severities, but got {severity}.")
    ((key, (parameter, levels)),) = known.items()
    assert levels is not None  # as `known` has it
    value = levels.at(severity)
    if given.get(key) not in (None, parameter.default, value):
        raise BadSetting(
            f"Expected `noise.{key}` or `noise.severity`, not both, but got {key}={shown(given[key])} and severity={severity}, "
            f"which is {key}={value:g}: leave one out (noise.{key}=null takes back what an experiment says)."
        )
    return {**given, key: value}


def _levels(parameter: inspect.Parameter) -> BySeverity | None:
    found = [each for each in getattr(parameter.annotation, "__metadata__", ()) if isinstance(each, BySeverity)]
    return found[0] if found else None
