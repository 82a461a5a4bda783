"""What is learned, from which images: the parts of a training that know nothing of how it is run."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pcsweep.model import Model
from pcsweep.train.images import Stream
from pcsweep.train.order import Order
from pcsweep.train.recipe import FeedbackRecipe, Recipe
from pcsweep.train.simplex import LearnedCoefficients


@dataclass(frozen=True, eq=False)
class Learned:
    """What is learned, and by which recipes.

    Args:
        model: changed in place.
        coefficients: of the dynamics in classification; trained where the recipe says so.
        backbone, feedback: the recipes.
    """

    model: Model
    coefficients: LearnedCoefficients
    backbone: Recipe
    feedback: FeedbackRecipe

    def recipe(self, phase: str) -> Recipe:
        """Of a phase."""
        return self.backbone if phase == "backbone" else self.feedback

    def weights(self) -> dict[str, Tensor]:
        """The tensors that training changes, by their names in the network: predictors alone where the backbone is kept."""
        state = self.model.network.state_dict()
        return {name: tensor for name, tensor in state.items() if self.backbone.epochs or name.startswith("predictors.")}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Weights and coefficients by the names that a phase gives them."""
        for prefix, module in (("network.", self.model.network), ("coefficients.", self.coefficients)):
            own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            module.load_state_dict({**module.state_dict(), **own})


@dataclass(frozen=True, eq=False)
class Streams:
    """Where the images of a phase come from.

    Args:
        train: what is learned from.
        held_out: what is only measured, if any.
        order: of the first.
        workers: processes that decode, for each device.
    """

    train: Stream
    held_out: Stream | None
    order: Order
    workers: int
