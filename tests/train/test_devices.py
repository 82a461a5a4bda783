"""Several devices: two processes make the steps of one with twice the batch, and stop together."""

import json
import signal

import pytest
from trainings import metadata, recorded, stopped_later, train

WORDS = ["dataset.count=50", "feedback.epochs=2", "feedback.drop_last=false", "feedback.noise=0.2", "feedback.optimizer=adamw"]
WORDS += ["validation=0.2", "output=w.safetensors", "workers=0"]


def test_two_processes_make_the_steps_of_one_with_twice_the_batch(tmp_path):
    words = {"one": ["feedback.batch_size=16"], "two": ["feedback.batch_size=8", "devices=2"]}
    losses, held_out, settings = {}, {}, {}
    for name, further in words.items():
        (tmp_path / name).mkdir()
        if name == "two":  # stopped and gone on with, as well
            code, said = stopped_later(tmp_path / name, signal.SIGTERM, [*WORDS, *further, "checkpoint_every=1"])
            assert code == 1, said
            assert "Stopped by SIGTERM" in said
        done = train(*WORDS, *further, folder=tmp_path / name)
        assert done.returncode == 0, done.stderr
        losses[name] = recorded(tmp_path / name, "feedback/loss")
        held_out[name] = recorded(tmp_path / name, "feedback/held_out/loss")
        settings[name] = json.dumps(metadata(tmp_path / name / "w.safetensors")["pcsweep.training"], sort_keys=True)
    assert [step for step, _ in losses["two"]] == list(range(1, 7))
    for numbers in (losses, held_out):
        assert [each for _, each in numbers["two"]] == pytest.approx([each for _, each in numbers["one"]], rel=1e-5)
    assert settings["one"] == settings["two"]  # so either goes on where the other was
