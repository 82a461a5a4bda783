"""Trains what a configuration says, and writes the weights to a file."""

import logging
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pcsweep.train.checkpoint import Checkpoint
    from pcsweep.train.material import Material
    from pcsweep.train.standing import Standing
    from pcsweep.train.stopping import Stopped

_log = logging.getLogger(__name__)
_FORMAT = 2  # of trainings: another one ends at other weights with the same settings
# What decides where and how fast, not what. The images of one step do; on how many devices they are computed does not. Until an
# image is damaged, `damaged` decides nothing: a training that ended at one goes on without it.
_PLACES = ("output", "device", "devices", "nodes", "accumulate", "workers", "in_memory", "damaged", "checkpoint_every")


def train(plain: "Mapping[str, Any]") -> Path:
    """Trains as `conf/train.yaml` says and returns the path of the weights.

    Resumes where an earlier run of the same settings was interrupted, with the same result to the bit; what it has finished is
    not done again.

    Raises:
        BadSetting: a value is wrong, or the output or a checkpoint beside it is there from another training.
        KeyboardInterrupt, Unfinished: it was stopped, and a checkpoint kept.
    """
    from pcsweep.config.errors import BadSetting
    from pcsweep.config.schema import place

    output = Path(place(str(plain["output"]), "output"))
    if output.suffix != ".safetensors":
        raise BadSetting(f"Expected `output` to be a .safetensors file, but got {str(output)!r}.")
    try:
        prepared = _prepared(plain, output)
        if prepared is None:
            _log.info("Already trained: %s", output)
        else:
            _train(*prepared, plain, output)
    except BadSetting:
        raise
    except ValueError as error:
        raise BadSetting(str(error)) from error
    return output


def _prepared(plain: "Mapping[str, Any]", output: Path) -> "tuple[Material, Checkpoint] | None":
    """The training and its checkpoint; `None` where the output is there already."""
    from pcsweep.train.checkpoint import Checkpoint
    from pcsweep.train.material import material
    from pcsweep.train.output import refuse_another

    found = material(plain)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ValueError(f"Expected `output` to be in a folder that can be written, but {output}: {error.strerror}.") from error
    checkpoint = Checkpoint(output.with_name(f"{output.name}.checkpoint"), _deciding(plain, found))
    if output.exists():
        refuse_another(output, checkpoint)
        checkpoint.remove()
        return None
    checkpoint.load()  # refuses before any image is decoded
    return found, checkpoint


def _train(found: "Material", checkpoint: "Checkpoint", plain: "Mapping[str, Any]", output: Path) -> None:
    from pcsweep.train.devices import companions, is_first
    from pcsweep.train.fitting import Fitting
    from pcsweep.train.material import learned, streams
    from pcsweep.train.output import say, write
    from pcsweep.train.stopping import Stopped

    state, trained = checkpoint.load(), learned(found, plain)
    board = output.parent / "tensorboard" / output.stem
    fitting = Fitting(trained, streams(found), found.options, checkpoint, board)
    if state is not None and is_first():
        _log.info("Resuming after %s", _place(state["standing"], found))
    try:
        with companions(plain, found.options):
            done = fitting.run(state)
    except Stopped as stopped:
        _stopped(stopped, checkpoint, found)
    if is_first():
        coefficients = trained.coefficients.coefficients() if found.feedback.learn_coefficients else None
        write(output, trained.weights(), coefficients, checkpoint.text)
        checkpoint.remove()
        for standing in done:
            say(standing, found.model.network.modules_cut)
        _hint(done, found)


def _place(standing: "Mapping[str, Any]", found: "Material") -> str:
    """Where a training is, in words."""
    phase = standing["phase"]
    step = f"step {standing['step']} of {found.order(phase).steps} of " if standing["step"] else ""
    return f"{step}epoch {standing['epoch'] + bool(step)} of {found.recipe(phase).epochs} of the {phase}"


def _stopped(stopped: "Stopped", checkpoint: "Checkpoint", found: "Material") -> None:
    """Ends the process as whoever asked for it expects.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        Unfinished: after another signal that nobody else handles.
    """
    from pcsweep.config.errors import Unfinished
    from pcsweep.train.devices import is_first
    from pcsweep.train.stopping import await_the_end, pass_on

    state = checkpoint.load()
    assert state is not None  # written just now
    if stopped.number == 2:  # SIGINT
        raise KeyboardInterrupt from stopped
    if pass_on(stopped.number) and not is_first():  # ends the first process where submitit puts the job back into the queue
        await_the_end()
    raise Unfinished(
        f"Stopped by {stopped} after {_place(state['standing'], found)}, which is kept. The same command goes on from there."
    ) from stopped


def _hint(done: "list[Standing]", found: "Material") -> None:
    if found.held_out is None and any(standing.phase == "feedback" for standing in done):
        _log.info("How much of images that it has not seen each predictor explains: validation=0.05, in a training of its own")


def _deciding(plain: "Mapping[str, Any]", found: "Material") -> dict[str, Any]:
    """Everything that decides the result."""
    settings: dict[str, Any] = {key: value for key, value in plain.items() if key not in _PLACES}
    for key in ("extensions", "compile"):  # of trainings before there was such a key, too
        if not settings.get(key):
            settings.pop(key, None)
    told = {key: value for key, value in plain["model"].items() if (key, value) != ("num_classes", None)}
    settings["model"] = {**told, "weights_sha256": found.model.fingerprint}
    settings["dataset"] = {key: value for key, value in plain["dataset"].items() if key not in ("cache", "root")}
    settings["dataset"]["images_sha256"] = found.train.sha256
    if found.held_out is not None:
        settings["held_out_sha256"] = found.held_out.sha256
    for phase in ("backbone", "feedback"):
        own = {key: value for key, value in plain[phase].items() if key != "batch_size"}
        whole = {**own, "images_per_step": found.order(phase).images_per_step}
        settings[phase] = whole if own["epochs"] or own.get("closed_form") else {"epochs": 0}
    return {**settings, "format": _FORMAT}
