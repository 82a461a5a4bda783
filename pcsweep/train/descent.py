"""Going down a loss: an optimizer with its schedule, as a recipe says, and their state for a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pcsweep.train.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Descent:
    """An optimizer and the schedule of its learning rate, one step of it per batch."""

    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    def step(self, loss: Tensor) -> float:
        """One step down the gradient of `loss`. Returns the learning rate that it was made with."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        self.schedule.step()
        return rate

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on from here."""
        schedule = self.schedule.state_dict()
        kept = {key: value for key, value in schedule.items() if not callable(value) and key != "lr_lambdas"}
        return {"optimizer": self.optimizer.state_dict(), "schedule": kept}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


def descent(recipe: Recipe, weights: Sequence[nn.Parameter], coefficients: Sequence[nn.Parameter], steps: int) -> Descent:
    """The descent of a recipe over `steps` steps.

    Args:
        recipe: which optimizer and schedule.
        weights: of layers; they decay.
        coefficients: of the dynamics; they do not, since none of their values is the natural one.
        steps: in all epochs together.
    """
    groups: list[dict[str, Any]] = [{"params": list(weights)}]
    if coefficients:
        groups.append({"params": list(coefficients), "weight_decay": 0.0})
    optimizer = _optimizer(recipe, groups)
    return Descent(optimizer, _schedule(recipe, optimizer, steps))


def _optimizer(recipe: Recipe, groups: Sequence[dict[str, Any]]) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def _schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    if recipe.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=recipe.learning_rate,
        total_steps=steps + 1,
        pct_start=0.15,
        cycle_momentum=recipe.optimizer == "adamw",  # SGD keeps the momentum of the recipe
    )
