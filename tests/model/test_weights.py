"""Files of weights by the network's own names, in the wrappings that training scripts write, and hostile ones."""

import json
import struct
import time
import zipfile
from argparse import Namespace

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from pcsweep.model import timm as module
from pcsweep.model.build import weights
from pcsweep.model.build.feedback import predictive
from pcsweep.model.build.feedback_weights import Source
from pcsweep.model.build.pretrained import timm_backbone
from pcsweep.train.checkpoint import Checkpoint
from pcsweep.train.output import refuse_another

NAME = "test_convnext"


def network(seed: int, **options) -> nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(NAME, **options).eval()


WRITTEN = network(1).state_dict()


@pytest.mark.parametrize(
    "content",
    [
        WRITTEN,
        {"state_dict": WRITTEN, "args": Namespace(lr=0.1), "epoch": 3, "arch": NAME},
        {"model": {f"module.{name}": tensor for name, tensor in WRITTEN.items()}},
        {f"model.{name}": tensor for name, tensor in WRITTEN.items()},
        {**{f"_orig_mod.module.{name}": tensor for name, tensor in WRITTEN.items()}, "loss.weight": torch.ones(3)},
        {**{f"stages.{name}": tensor for name, tensor in WRITTEN.items()}},
    ],
)
def test_the_networks_own_names_decide(content, tmp_path):
    assert any(name.startswith("stages.") for name in WRITTEN)
    torch.save(content, tmp_path / "w.pth")
    filled = timm_backbone(NAME, str(tmp_path / "w.pth")).state_dict()
    assert all(filled[name].equal(tensor) for name, tensor in WRITTEN.items())


def test_a_backbone_trained_here_goes_back_though_its_names_begin_with_stages(tmp_path):
    made, _ = predictive(network(1), ["stages.0", "stages.1"], 64, Source(None), True)
    save_file(made.state_dict(), tmp_path / "ours.safetensors")
    filled = timm_backbone(NAME, str(tmp_path / "ours.safetensors")).state_dict()
    assert all(filled[name].equal(tensor) for name, tensor in WRITTEN.items())


def test_two_sets_of_weights_are_not_chosen_from(tmp_path):
    torch.save({"state_dict": WRITTEN, "state_dict_ema": WRITTEN}, tmp_path / "ema.pth")
    with pytest.raises(ValueError, match="one set of weights, but it holds 'state_dict' and 'state_dict_ema'"):
        timm_backbone(NAME, str(tmp_path / "ema.pth"))
    both = {f"{prefix}.{name}": tensor for name, tensor in WRITTEN.items() for prefix in ("student", "teacher")}
    torch.save(both, tmp_path / "both.pth")
    with pytest.raises(ValueError, match="it holds 2, by the prefixes 'student.', 'teacher.'"):
        timm_backbone(NAME, str(tmp_path / "both.pth"))


def test_a_head_of_ones_own_is_asked_for(tmp_path):
    own = network(2, num_classes=37).state_dict()
    torch.save(own, tmp_path / "own.pth")
    path = str(tmp_path / "own.pth")
    with pytest.raises(
        ValueError,
        match=r"own.pth does not fit: 'head.fc.bias' is \(37,\) where \(1000,\).*For a head of its own: model.num_classes=37",
    ):
        timm_backbone(NAME, path)
    model = module.timm(name=NAME, pcoders=("stages.0",), weights=path, num_classes=37)
    assert (model.class_names[-1], model.wnids) == ("36", ())
    with pytest.raises(ValueError, match="does not fit"):
        timm_backbone(NAME, path, 10)
    with pytest.raises(ValueError, match="`model.weights` to be a file or random with `model.num_classes`"):
        timm_backbone(NAME, "default", 37)


def test_numbers_of_another_kind_and_tensors_without_content_are_refused(tmp_path):
    integers = {name: tensor.to(torch.int32) for name, tensor in WRITTEN.items()}
    torch.save(integers, tmp_path / "integers.pth")
    with pytest.raises(ValueError, match=r"does not fit: '.*' is \(.*\) of int32 where \(.*\) is needed"):
        timm_backbone(NAME, str(tmp_path / "integers.pth"))
    torch.save({"a": torch.ones(2, device="meta")}, tmp_path / "meta.pth")
    with pytest.raises(ValueError, match="plain tensors, but 'a' is sparse or has no content"):
        weights.read(tmp_path / "meta.pth")


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path):
    torch.save({"a": torch.zeros(4)}, tmp_path / "small.pth")
    with (
        zipfile.ZipFile(tmp_path / "small.pth") as small,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in small.infolist():
            content = small.read(entry) if not entry.filename.endswith("data/0") else bytes(2**26)
            bomb.writestr(entry.filename, content)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"bomb.pth' to be a file of tensors alone.*declares 0.1 GiB of content in 0.1 MiB"):
        weights.read(tmp_path / "bomb.pth")
    assert time.monotonic() - start < 1
    assert weights.read(tmp_path / "small.pth").tensors["a"].equal(torch.zeros(4))


def test_deep_json_is_refused(tmp_path):
    header = b"[" * 50_000
    (tmp_path / "deep.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ValueError, match="file of tensors alone"):
        weights.read(tmp_path / "deep.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "inside.safetensors", {"pcsweep.coefficients": json.dumps("[" * 50_000)[1:-1]})
    with pytest.raises(ValueError, match="coefficients cannot be read"):
        _ = weights.read(tmp_path / "inside.safetensors").coefficients


@pytest.mark.parametrize("text", ["[" * 50_000, "no JSON", "[1, 2]", "7"])
def test_an_output_that_says_nonsense_of_its_making_is_another_ones(text, tmp_path):
    output = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, output, {"pcsweep.training": text})
    with pytest.raises(ValueError, match="to be a new file, but .*w.safetensors' is there, and "):
        refuse_another(output, Checkpoint(tmp_path / "c", {"seed": 0}))
