"""Runs the phases of a training with Lightning, each from where it stands."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy

from pcsweep.machine.device import computing_in, device_of
from pcsweep.train.callbacks import Bar, Files, Keeping
from pcsweep.train.checkpoint import Checkpoint, State
from pcsweep.train.compiled import compiled
from pcsweep.train.devices import environment, is_first
from pcsweep.train.learned import Learned, Streams
from pcsweep.train.losses import reconstruction_errors
from pcsweep.train.phase import Phase
from pcsweep.train.recipe import TrainingOptions
from pcsweep.train.solved import solve
from pcsweep.train.standing import PHASES, Standing
from pcsweep.train.stopping import Requests

# What Lightning says that does not hold here, or that nobody can change.
_IDLE = (
    r".*does not have many workers.*",
    r".*in eval mode at the start of training.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*Your `IterableDataset`.*",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
    r".*GPU available but not used.*",
    r".*`srun` command is available.*",
)


@dataclass(frozen=True, eq=False)
class Fitting:
    """A training, ready to be run.

    Args:
        learned: what is trained, and by which recipes.
        streams: of each phase that has epochs, by name.
        options: how.
        checkpoint: where it is kept.
        board: folder for TensorBoard.
    """

    learned: Learned
    streams: dict[str, Streams]
    options: TrainingOptions
    checkpoint: Checkpoint
    board: Path

    def run(self, state: State | None = None) -> list[Standing]:
        """Trains, from the start or from what a checkpoint held, to the same weights to the bit.

        Returns:
            Where every phase that has epochs has ended; only the present one where a checkpoint was of a later one.

        Raises:
            BadSetting: the loss has become infinite or undefined, or images cannot be read.
            Stopped: the process was asked to stop, and the checkpoint is kept.
        """
        standing = None if state is None else Standing.of(state["standing"])
        if state is not None:
            self.learned.load(state["state_dict"])
        done: list[Standing] = []
        for phase in PHASES[PHASES.index(standing.phase) if standing else 0 :]:
            if not self.learned.recipe(phase).runs:
                continue
            resumed = standing is not None and standing.phase == phase
            total = standing.total if standing else 0
            standing = standing if resumed and standing else Standing(phase, total=total)
            if phase == "feedback" and self.learned.feedback.closed_form and not resumed:
                solved = solve(self.learned, self.streams[phase], self.options)
                standing.best = None if self.learned.feedback.epochs else solved  # descent has another loss
            self._fit(standing, resumed)
            done.append(standing)
        self.learned.model.network.eval()
        return done

    def _fit(self, standing: Standing, resumed: bool) -> None:
        """Trains a phase to its end, and takes its best weights."""
        epochs = self.learned.recipe(standing.phase).epochs - standing.epoch
        if epochs > 0 and not standing.stopped:
            options, requests = self.options, Requests()
            streams, errors_of = self.streams[standing.phase], compiled() if options.compile else reconstruction_errors
            phase = Phase(self.learned, streams, standing, options.seed, options.patience, errors_of)
            device = device_of(options.device)
            # Lightning's own means for bf16; for the others, what every command computes in.
            exact = nullcontext() if options.precision == "bf16" else computing_in(options.precision, device)
            with requests.heard(), quiet(), exact:
                keeping = Keeping(self.checkpoint, options.checkpoint_every, requests)
                trainer = self._trainer(standing, epochs, keeping)
                self._started(trainer, phase, resumed)
        if standing.best is not None:
            self.learned.load(standing.best.tensors)

    def _started(self, trainer: Trainer, phase: Phase, resumed: bool) -> None:
        try:
            trainer.fit(phase, ckpt_path=self.checkpoint.path if resumed else None, weights_only=True)
        except SystemExit as error:  # what Lightning makes of a second Ctrl-C
            raise KeyboardInterrupt from error

    def _trainer(self, standing: Standing, epochs: int, keeping: Keeping) -> Trainer:
        options, device = self.options, device_of(self.options.device)
        on_gpu = device.type == "cuda"
        streams = self.streams[standing.phase]
        return Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            devices=[device.index or 0] if on_gpu and options.devices == 1 else options.devices,
            num_nodes=options.nodes,
            strategy=self._strategy(standing.phase),
            precision="bf16-mixed" if options.precision == "bf16" else "32-true",
            plugins=[Files(self.checkpoint), environment(options)],
            logger=self._board(standing) if is_first() else False,
            callbacks=[keeping, *([Bar()] if is_first() else [])],
            max_epochs=epochs,
            accumulate_grad_batches=options.accumulate,
            limit_val_batches=0 if streams.held_out is None else 1.0,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            inference_mode=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=self.board,
        )

    def _strategy(self, phase: str) -> Any:
        if self.options.processes == 1:
            return "auto"
        # A predictor that no coefficient asks for has no gradient by classification.
        return DDPStrategy(find_unused_parameters=phase == "feedback" and self.learned.feedback.classification > 0)

    def _board(self, standing: Standing) -> TensorBoardLogger:
        """Numbers of steps that are made again are replaced."""
        return TensorBoardLogger(self.board.parent, self.board.name, "", purge_step=standing.total + 1)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Lightning says of itself."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.fabric", "fsspec")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for text in _IDLE:
                warnings.filterwarnings("ignore", text)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
