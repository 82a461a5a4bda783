"""A model's choice with the keys that every model has: how much of it is drawn anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice, checked, choose
from pcsweep.model import Model
from pcsweep.model.build.randomized import Randomized, randomize


@dataclass(frozen=True)
class ModelSettings:
    """The keys of the model group that every model has (`conf/config.yaml` says what each means)."""

    randomized: Randomized | None = None
    randomized_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


@dataclass(frozen=True, eq=False)
class RandomizedModel(Choice):
    """A model of which parts are drawn anew; both settings are part of identities.

    Args:
        randomized: `head`, or the number of stages beside it.
        randomized_seed: of the draws.
    """

    randomized: Randomized
    randomized_seed: int

    def __call__(self) -> Any:
        """The model, its parts drawn anew.

        Raises:
            BadSetting: it makes none, or has not these parts.
        """
        made = super().__call__()
        if isinstance(made, Model):
            try:
                randomize(made.network, self.name, self.randomized, self.randomized_seed)
            except ValueError as error:
                raise BadSetting(str(error)) from error
        return made

    def _key(self) -> tuple[str, ...]:
        return (*super()._key(), f"{self.randomized} {self.randomized_seed}")

    @property
    def _own(self) -> dict[str, Any]:
        return {"randomized": self.randomized, "randomized_seed": self.randomized_seed}

    def describe(self) -> dict[str, Any]:
        """Name and arguments."""
        return {**super().describe(), **self._own}

    def decisive(self) -> dict[str, Any]:
        """As they enter a grid point's identity."""
        return {**super().decisive(), **self._own}


def model_choice(config: Mapping[str, Any], extensions: Collection[str] = ()) -> Choice:
    """The choice that the model group makes; one without randomisation is what it always was.

    Args:
        config: `_target_`, its arguments, and the keys that every model has.
        extensions: modules of the user's own in which `_target_` may lie.

    Raises:
        BadSetting: a value is wrong.
    """
    names = ("randomized", "randomized_seed")
    settings = ModelSettings(**checked(ModelSettings, {key: config[key] for key in names if key in config}, "model."))
    made = choose("model", {key: value for key, value in config.items() if key not in names}, extensions)
    if settings.randomized is None:
        return made
    return RandomizedModel(made.group, made.name, made.function, made.arguments, settings.randomized, settings.randomized_seed)
