"""Going down a loss: an optimizer and the schedule of its learning rate, as a recipe says."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pcsweep.train.recipe import Recipe

Schedule = torch.optim.lr_scheduler.LRScheduler


def descent(
    recipe: Recipe, weights: Sequence[nn.Parameter], coefficients: Sequence[nn.Parameter], steps: int
) -> tuple[torch.optim.Optimizer, Schedule]:
    """The optimizer and the schedule of a recipe over `steps` steps.

    Args:
        recipe: which ones.
        weights: of layers; they decay.
        coefficients: of the dynamics; they do not, since none of their values is the natural one.
        steps: in all epochs together.
    """
    groups: list[dict[str, Any]] = [{"params": list(weights)}]
    if coefficients:
        groups.append({"params": list(coefficients), "weight_decay": 0.0})
    optimizer = _optimizer(recipe, groups)
    return optimizer, _schedule(recipe, optimizer, steps)


def state_of(schedule: Schedule) -> dict[str, Any]:
    """What a checkpoint keeps of a schedule: numbers and texts."""
    state = schedule.state_dict()
    return {key: value for key, value in state.items() if not callable(value) and key != "lr_lambdas"}


def _optimizer(recipe: Recipe, groups: Sequence[dict[str, Any]]) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def _schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int) -> Schedule:
    if recipe.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=recipe.learning_rate,
        total_steps=steps + 1,
        pct_start=0.15,
        cycle_momentum=recipe.optimizer == "adamw",  # SGD keeps the momentum of the recipe
    )
