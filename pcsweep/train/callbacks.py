"""What Lightning calls after every step and epoch: the checkpoint, and the bar."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from pcsweep.console.progress import Advance, progress
from pcsweep.train.checkpoint import Checkpoint, State
from pcsweep.train.phase import Phase
from pcsweep.train.stopping import Requests, Stopped


class Files(CheckpointIO):
    """How Lightning reads and writes the checkpoint: in one step, and nothing in it is ever run."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def save_checkpoint(self, checkpoint: State, path: str | Path, storage_options: Any | None = None) -> None:
        """Called by Lightning in the first process."""
        self.checkpoint.save(checkpoint)

    def load_checkpoint(self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = True) -> State:
        """Called by Lightning in every process."""
        state = self.checkpoint.load()
        assert state is not None  # Lightning is given it where it is there
        return state

    def remove_checkpoint(self, path: str | Path) -> None:
        """Never called: there is one file."""


class Keeping(Callback):
    """Tells every step, keeps a checkpoint every so many steps and after every epoch, and stops where it is asked to.

    Args:
        checkpoint: the file.
        every: steps between two checkpoints.
        requests: to stop.
    """

    def __init__(self, checkpoint: Checkpoint, every: int, requests: Requests) -> None:
        self.checkpoint, self.every, self.requests = checkpoint, every, requests

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning has put its own handlers of signals there."""
        self.requests.listen()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """After every batch; a step may be made of several."""
        assert isinstance(pl_module, Phase)
        numbers = pl_module.told()
        if not numbers:
            return
        standing = pl_module.standing
        if standing.step == pl_module.streams.order.steps:
            return  # the epoch's end follows
        number = self._asked(trainer)
        if number or standing.total % self.every == 0:
            self._save(trainer)
        if number:
            raise Stopped(number)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the held-out images."""
        assert isinstance(pl_module, Phase)
        pl_module.ended_epoch()
        self._save(trainer)
        if number := self._asked(trainer):
            raise Stopped(number)

    def _asked(self, trainer: Trainer) -> int:
        """The signal by which any process was asked to stop, if one was: all stop after the same step, and know by which."""
        mine = torch.tensor(self.requests.number, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(mine, reduce_op="max"))

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.checkpoint.path)


class Bar(Callback):
    """The progress of a phase."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._advance: Advance = _nothing
        self._done = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        assert isinstance(pl_module, Phase)
        steps, standing = pl_module.streams.order.steps, pl_module.standing
        self._done = standing.epoch * steps + standing.step
        total = pl_module.recipe.epochs * steps - self._done
        self._advance = self._stack.enter_context(progress(f"{standing.phase}: first step", total, "steps"))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Called by Lightning, after `Keeping`."""
        assert isinstance(pl_module, Phase)
        standing = pl_module.standing
        done = standing.epoch * pl_module.streams.order.steps + standing.step
        if done > self._done:
            held_out = f", held out {standing.best.loss:.4g} at best" if standing.best else ""
            epoch = f"{standing.phase}: epoch {standing.epoch + 1} of {pl_module.recipe.epochs}"
            self._advance(done - self._done, f"{epoch}, loss {standing.last[-1]:.4g}{held_out}")
            self._done = done

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        assert isinstance(pl_module, Phase)
        self._advance(0, f"{pl_module.standing.phase}: measuring held-out images")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called by Lightning."""
        self._stack.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Called by Lightning."""
        self._stack.close()


def _nothing(count: int, description: str | None = None, /) -> None:
    """Before there is a bar."""
