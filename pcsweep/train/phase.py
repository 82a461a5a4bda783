"""One phase of a training, as Lightning runs it: first the backbone by classification, then the predictors.

What Lightning does: the loop, precision, devices, gradients of several devices and batches, checkpoints of weights, optimizer and
schedule. A resumed phase is a new run of Lightning's over the rest of its epoch and those after it; `Standing` says where it is.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from pcsweep.config.errors import BadSetting
from pcsweep.train.checkpoint import State
from pcsweep.train.descent import descent, state_of
from pcsweep.train.explained import Explained, share_explained
from pcsweep.train.images import Batch, loader
from pcsweep.train.learned import Learned, Streams
from pcsweep.train.losses import Errors, Losses, feedback_losses, reconstruction_errors
from pcsweep.train.order import Rounds, Steps
from pcsweep.train.recipe import FeedbackRecipe
from pcsweep.train.standing import Best, Standing


class Phase(LightningModule):
    """A phase from where it stands.

    Args:
        learned: what is trained.
        streams: on what.
        standing: where it is; brought up to date after every step.
        seed: of layers that draw at random.
        patience: epochs without a lower held-out loss after which it ends.
        errors_of: what computes the reconstruction errors of a step.
    """

    def __init__(
        self,
        learned: Learned,
        streams: Streams,
        standing: Standing,
        seed: int,
        patience: int | None = None,
        errors_of: Errors = reconstruction_errors,
    ) -> None:
        super().__init__()
        self.strict_loading = False  # a checkpoint holds what is trained, and no more
        self.network, self.coefficients = learned.model.network, learned.coefficients
        self.learned, self.streams, self.standing, self.seed, self.patience = learned, streams, standing, seed, patience
        self.recipe, self._errors_of = learned.recipe(standing.phase), errors_of
        self._parts: dict[str, Tensor] = {}  # of the step's loss, over its images so far on this device
        self._step: dict[str, float] = {}  # what was measured at the last step, until it is told
        self._held_out: dict[str, Tensor] = {}
        self._explained = Explained(self.network)
        self._trainable = self._made_trainable()

    def losses(self, batch: Batch, errors_of: Errors = reconstruction_errors) -> Losses:
        """The parts of the loss on a batch."""
        if batch.problem:
            raise BadSetting(batch.problem)
        images = self.learned.model.normalize(batch.images)
        if self.standing.phase == "backbone":
            logits = self.network(images)
            return {"loss": functional.cross_entropy(logits, batch.labels)}
        assert isinstance(self.recipe, FeedbackRecipe)
        return feedback_losses(self.network, images, batch.labels, self.coefficients, self.recipe, errors_of)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Called by Lightning, which averages it over devices and batches: that is the mean over the step's images."""
        with self._layers_seeded(batch_idx):
            parts = self.losses(batch, self._errors_of)
        for name, part in parts.items():
            self._parts[name] = self._parts.get(name, torch.zeros_like(part.detach())) + batch.share * part.detach()
        order = self.streams.order
        return parts["loss"] * (batch.share * order.processes * order.accumulate)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Called by Lightning before every step.

        Raises:
            BadSetting: the loss has become infinite or undefined; the step is not made.
        """
        numbers = self._over_devices(self._parts)
        self._parts = {}
        if not math.isfinite(numbers["loss"]):
            raise BadSetting(
                f"Expected `{self.standing.phase}.learning_rate` to be one at which the loss stays finite, but it is "
                f"{numbers['loss']} at step {self.standing.epoch * self.streams.order.steps + self.standing.step + 1}."
            )
        self._step = {**numbers, "learning_rate": float(optimizer.param_groups[0]["lr"])}

    def told(self) -> dict[str, float]:
        """What was measured at a step that has just ended, once; empty where none has."""
        numbers, self._step = self._step, {}
        if numbers:
            self.standing.stepped(numbers["loss"])
            self.write({f"{self.standing.phase}/{name}": number for name, number in numbers.items()})
        return numbers

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Called by Lightning on held-out images."""
        for name, part in self.losses(batch).items():
            self._held_out[name] = self._held_out.get(name, torch.zeros_like(part)) + batch.share * part
        if self.standing.phase == "feedback":
            self._explained.add(self.learned.model.normalize(batch.images), float(batch.share > 0))

    def on_validation_epoch_end(self) -> None:
        """Called by Lightning: says what was measured, and keeps the best."""
        numbers = self._over_devices(self._held_out)
        measured = self._explained.result([self._sum(sums) for sums in self._explained.sums])
        self._held_out, self._explained = {}, Explained(self.network)
        shares = {f"explained_{n}": share_explained(*each) for n, each in enumerate(measured, start=1)}
        self.write({f"{self.standing.phase}/held_out/{name}": number for name, number in (numbers | shares).items()})
        epoch, best = self.standing.epoch + 1, self.standing.best
        if best is None or numbers["loss"] < best.loss:
            self.standing.best = Best(numbers["loss"], epoch, self._kept(self.state_dict()), measured)
        elif self.patience and epoch - best.epoch >= self.patience:
            self.standing.stopped = self.trainer.should_stop = True

    def ended_epoch(self) -> None:
        """After the held-out images."""
        self.standing.finished_epoch()
        self.write(self._coefficients_now())

    def configure_optimizers(self) -> Any:
        """Called by Lightning."""
        optimizer, schedule = descent(self.recipe, *self._trainable, self.streams.order.steps * self.recipe.epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> DataLoader[Batch]:
        """Called by Lightning for every epoch."""
        parts = Steps(self.streams.order, self.standing.epoch, self.standing.step, self.global_rank)
        return loader(self.streams.train, parts, self.streams.workers, self._pins)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Called by Lightning."""
        held_out = self.streams.held_out
        if held_out is None:
            return []
        parts = Rounds(len(held_out), self.recipe.batch_size, self.streams.order.processes, self.global_rank)
        return [loader(held_out, parts, self.streams.workers, self._pins)]

    @property
    def _pins(self) -> bool:
        return bool(self.trainer.strategy.root_device.type == "cuda")

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Called by Lightning."""
        return batch._replace(
            images=batch.images.to(device, non_blocking=True), labels=batch.labels.to(device, non_blocking=True)
        )

    def on_save_checkpoint(self, checkpoint: State) -> None:
        """Called by Lightning: keeps what is trained and where it stands, and not Lightning's own counters."""
        checkpoint.pop("loops", None)
        checkpoint["state_dict"] = self._kept(checkpoint["state_dict"])
        checkpoint["lr_schedulers"] = [state_of(config.scheduler) for config in self.trainer.lr_scheduler_configs]
        checkpoint["standing"] = self.standing.state()

    def _made_trainable(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The weights and the coefficients; only they ask for gradients, and only a backbone that learns is in training mode."""
        network = self.network.eval().requires_grad_(False)
        backbone = self.standing.phase == "backbone"
        learns = not backbone and self.learned.feedback.learn_coefficients
        self.coefficients.requires_grad_(learns)
        coefficients = list(self.coefficients.parameters()) if learns else []
        parts: list[nn.Module] = [network.stages.train(), network.head.train()] if backbone else [network.predictors]
        return [parameter for part in parts for parameter in part.requires_grad_(True).parameters()], coefficients

    def _layers_seeded(self, batch: int) -> AbstractContextManager[None]:
        """Layers such as dropout draw from torch's global generator: seeded for each batch, and given back as it was."""
        return _seeded(self.seed, (self.standing.total, batch, self.global_rank), self.device) if self._draws else nullcontext()

    @property
    def _draws(self) -> bool:
        return self.standing.phase == "backbone"  # a frozen one is in evaluation mode

    def _over_devices(self, parts: Mapping[str, Tensor]) -> dict[str, float]:
        summed = self._sum(torch.stack([part.double() for part in parts.values()]))
        return dict(zip(parts, summed.tolist(), strict=True))

    def _sum(self, tensor: Tensor) -> Tensor:
        return torch.as_tensor(self.trainer.strategy.reduce(tensor, reduce_op="sum"))

    def _kept(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of a state, what is trained, as it is now."""
        names = {f"network.{name}" for name in self.learned.weights()}
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items() if name in names or not _of_network(name)}

    def _coefficients_now(self) -> dict[str, float]:
        """β, λ and α by name where they are learned."""
        if not self._trainable[1]:
            return {}
        rules = self.coefficients.coefficients().per_pcoder(len(self.network.stages))
        names = ("beta", "lambda", "alpha")
        return {f"{name}/{n}": rule[k] for n, rule in enumerate(rules, start=1) for k, name in enumerate(names)}

    def write(self, numbers: Mapping[str, float]) -> None:
        """For TensorBoard, by the number of steps that all phases have made."""
        if numbers and self.logger is not None:
            self.logger.log_metrics(dict(numbers), self.standing.total)


def _of_network(name: str) -> bool:
    return name.startswith("network.")


@contextmanager
def _seeded(seed: int, place: tuple[int, ...], device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(hash((seed, *place)) % 2**63)
        yield
