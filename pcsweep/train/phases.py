"""Training a predictive network: the backbone by classification, then the predictors.

The predictors learn from two errors, each with a weight: *reconstruction*, predify's recipe, the sum over pcoders of the mean
squared error between p_n and r_{n-1} at t = 0; and *classification*, the mean over t = 1..T of the cross-entropy of the logits,
through all of the dynamics. The backbone is frozen then. β, λ and α can be learned beside the predictors.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import Advance, progress
from pcsweep.machine.device import Precision, computing_in
from pcsweep.model import Model
from pcsweep.network import PredictiveNetwork
from pcsweep.train.checkpoint import State
from pcsweep.train.descent import Descent, descent
from pcsweep.train.recipe import FeedbackRecipe, Recipe
from pcsweep.train.simplex import LearnedCoefficients

Images = UInt8[Tensor, "count 3 height width"]
Labels = Int[Tensor, " count"]
Losses = dict[str, Tensor]  # parts of a loss by name; `loss` is their weighted sum
Record = Callable[[int, Mapping[str, float]], None]  # step, what was measured there

PHASES = ("backbone", "feedback")


@dataclass(frozen=True, eq=False)
class Training:
    """What is trained, on what and how.

    Args:
        model: on its device; changed in place.
        images, labels: the training set, on the CPU.
        backbone, feedback: their recipes.
        coefficients: of the dynamics in classification; trained where the recipe says so.
        precision: of forward passes; parameters are always fp32.
        generator: of the order of images and of their noise, on the CPU.
    """

    model: Model
    images: Images
    labels: Labels
    backbone: Recipe
    feedback: FeedbackRecipe
    coefficients: LearnedCoefficients
    precision: Precision
    generator: torch.Generator

    def run(self, save: Callable[[State], None], record: Record, state: State | None = None) -> dict[str, list[float]]:
        """Trains, from the start or from a state that was saved, to the same weights to the bit.

        Args:
            save: called after every epoch with all that resuming needs.
            record: called at every step.
            state: where to resume.

        Returns:
            The loss of every step of each phase.

        Raises:
            BadSetting: the loss has become infinite or undefined; no step was made with it.
        """
        losses: dict[str, list[float]] = {phase: [] for phase in PHASES}
        if state is not None:
            losses |= {phase: list(values) for phase, values in state["losses"].items()}
            self._trained_load(state["trained"])
            self.generator.set_state(state["generator"])
        for phase in PHASES:
            before = state if state is not None and state["phase"] == phase else None
            if state is None or PHASES.index(phase) >= PHASES.index(state["phase"]):
                self._run_phase(phase, losses, save, record, before)
        return losses

    def _run_phase(
        self, phase: str, losses: dict[str, list[float]], save: Callable[[State], None], record: Record, before: State | None
    ) -> None:
        recipe = self.backbone if phase == "backbone" else self.feedback
        if not recipe.epochs:
            return
        steps = self._steps_per_epoch(recipe)
        down = descent(recipe, *self._made_trainable(phase), steps * recipe.epochs)
        if before is not None:
            down.load(before)
        first = 0 if before is None else int(before["epoch"]) + 1
        with progress(f"{phase}: steps of {recipe.epochs - first} epochs", steps * (recipe.epochs - first), "steps") as advance:
            for epoch in range(first, recipe.epochs):
                with self._layers_seeded(epoch):
                    self._run_epoch(phase, down, losses, record, advance)
                record(sum(map(len, losses.values())), self._coefficients_now(phase))
                save(self._state(phase, epoch, losses, down))
        self.model.network.eval()

    def _run_epoch(self, phase: str, down: Descent, losses: dict[str, list[float]], record: Record, advance: Advance) -> None:
        for pixels, batch in self._batches(self.backbone if phase == "backbone" else self.feedback):
            parts = self._losses(phase, pixels, batch)
            numbers = {name: part.item() for name, part in parts.items()}
            if not math.isfinite(numbers["loss"]):
                raise BadSetting(
                    f"Expected `{phase}.learning_rate` to be one at which the loss stays finite, but it is {numbers['loss']} "
                    f"at step {len(losses[phase]) + 1}."
                )
            numbers["learning_rate"] = down.step(parts["loss"])
            losses[phase].append(numbers["loss"])
            record(sum(map(len, losses.values())), {f"{phase}/{name}": number for name, number in numbers.items()})
            advance(1)

    def _made_trainable(self, phase: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The weights and the coefficients of a phase; only they ask for gradients, and only a backbone that learns is in
        training mode."""
        network = self.model.network.eval().requires_grad_(False)
        learned = phase == "feedback" and self.feedback.learn_coefficients
        coefficients = list(self.coefficients.requires_grad_(learned).parameters()) if learned else []
        parts: list[nn.Module] = [network.stages.train(), network.head.train()] if phase == "backbone" else [network.predictors]
        return [parameter for part in parts for parameter in part.requires_grad_(True).parameters()], coefficients

    @contextmanager
    def _layers_seeded(self, epoch: int) -> Iterator[None]:
        """Layers such as dropout draw from torch's global generator: seeded for each epoch, and given back as it was."""
        device = next(self.model.network.parameters()).device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self.generator.initial_seed() + epoch)
            yield

    def _coefficients_now(self, phase: str) -> dict[str, float]:
        """β, λ and α by name where they are learned."""
        if phase == "backbone" or not self.feedback.learn_coefficients:
            return {}
        rules = self.coefficients.coefficients().per_pcoder(len(self.model.network.stages))
        names = ("beta", "lambda", "alpha")
        return {f"{name}/{n}": rule[k] for n, rule in enumerate(rules, start=1) for k, name in enumerate(names)}

    def _losses(self, phase: str, pixels: Tensor, batch: Tensor) -> Losses:
        device = next(self.model.network.parameters()).device
        images, labels = self.model.normalize(pixels.to(device)), self.labels[batch].to(device)
        with computing_in(self.precision, device):
            if phase == "backbone":
                return {"loss": functional.cross_entropy(self.model.network(images), labels)}
            return feedback_losses(self.model.network, images, labels, self.coefficients, self.feedback)

    def _steps_per_epoch(self, recipe: Recipe) -> int:
        whole, rest = divmod(len(self.images), recipe.batch_size)
        return max(1, whole + (rest > 0 and not recipe.drop_last))

    def _batches(self, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of noisy images (values about [0, 1]) with the indices they came from."""
        order = torch.randperm(len(self.images), generator=self.generator)
        for batch in torch.split(order, recipe.batch_size)[: self._steps_per_epoch(recipe)]:
            pixels = self.images[batch].float() / 255
            if recipe.noise:
                sigma = recipe.noise * torch.rand(len(pixels), 1, 1, 1, generator=self.generator)
                pixels = pixels + sigma * torch.randn(pixels.shape, generator=self.generator)
            yield pixels, batch

    def _state(self, phase: str, epoch: int, losses: Mapping[str, Sequence[float]], down: Descent) -> State:
        return {
            "phase": phase,
            "epoch": epoch,
            "losses": {name: list(values) for name, values in losses.items()},
            "trained": {**self.trained(), **{f"coefficients.{k}": v for k, v in self.coefficients.state_dict().items()}},
            **down.state(),
            "generator": self.generator.get_state(),
        }

    def trained(self) -> dict[str, Tensor]:
        """The tensors that this training changes, by their names in the network: predictors alone where the backbone is kept."""
        state = self.model.network.state_dict()
        return {name: tensor for name, tensor in state.items() if self.backbone.epochs or name.startswith("predictors.")}

    def _trained_load(self, tensors: Mapping[str, Tensor]) -> None:
        prefix = "coefficients."
        self.coefficients.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
        self.model.network.load_state_dict({**self.model.network.state_dict(), **rest})


def feedback_losses(
    network: PredictiveNetwork,
    images: Float[Tensor, "batch 3 height width"],
    labels: Labels,
    coefficients: LearnedCoefficients,
    recipe: FeedbackRecipe,
) -> Losses:
    """The errors that the predictors learn from; those of weight zero are not computed."""
    parts: Losses = {}
    total = images.new_zeros(())
    if recipe.reconstruction:
        errors = reconstruction_errors(network, images)
        parts |= {f"reconstruction_{n}": error.detach() for n, error in enumerate(errors, start=1)}
        total = total + recipe.reconstruction * torch.stack(errors).sum()
    if recipe.classification:
        states = list(network.unroll(images, coefficients.rules(), recipe.timesteps))[1:]
        entropies = [functional.cross_entropy(state.logits, labels) for state in states]
        parts |= {f"cross_entropy_t{t}": entropy.detach() for t, entropy in enumerate(entropies, start=1)}
        total = total + recipe.classification * torch.stack(entropies).mean()
    return {"loss": total, **parts}


def reconstruction_errors(network: PredictiveNetwork, images: Float[Tensor, "batch 3 height width"]) -> list[Float[Tensor, ""]]:
    """The mean squared error between p_n and r_{n-1} at t = 0 of every pcoder; no gradient reaches the backbone."""
    errors = []
    below = images
    for stage, predictor in zip(network.stages, network.predictors, strict=True):
        with torch.no_grad():
            representation = stage(below)
        errors.append(functional.mse_loss(predictor(representation), below))
        below = representation
    return errors
