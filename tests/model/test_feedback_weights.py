"""Feedback weights in each format that predify or pcsweep writes, right and wrong."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import save_file
from toy_network import MODULES, Backbone, fresh, predictors

from pcsweep.model.build import weights
from pcsweep.model.build.feedback import predictive
from pcsweep.model.build.feedback_weights import Source, load
from pcsweep.network import Coefficients


def same(filled, trained):
    return all(
        a.equal(b)
        for one, other in zip(filled, trained, strict=True)
        for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


def published(folder, trained, zero=False):
    """Bare state dicts, as predify's PVGG16 has them; `zero`: the first pcoder's keys with a leading 0."""
    folder.mkdir(exist_ok=True)
    for n, predictor in enumerate(trained, start=1):
        state = predictor.state_dict()
        if n == 1 and zero:
            state = {f"0.{key}": value for key, value in state.items()}
        torch.save(state, folder / f"pvgg16_imagenet_pretrained_pc{n}_pmodule.pth")
    return folder


@pytest.mark.parametrize("zero", [False, True], ids=["weight", "0.weight"])
def test_published_files_of_a_folder_or_glob(tmp_path, trained, zero):
    folder = published(tmp_path / "published", trained, zero)
    for place in (folder, folder / "*_pmodule.pth"):
        filled = fresh()
        assert load(filled, Source(str(place))).sqrt_cs == (None,) * 3
        assert same(filled, trained)


def test_training_checkpoints_of_predify(tmp_path, trained):
    optimizer = torch.optim.SGD([p for each in trained for p in each.parameters()], lr=0.1)
    for n, predictor in enumerate(trained, start=1):
        pcoder = {f"pmodule.{key}": value for key, value in predictor.state_dict().items()}
        if n == 2:
            pcoder["C_sqrt"] = torch.tensor(156.7)
        content = {"pcoderweights": pcoder, "optimizer": optimizer.state_dict(), "epoch": 9}
        torch.save(content, tmp_path / f"pnet_pretrained_pc{n}_009.pth")
    filled = fresh()
    assert load(filled, Source(str(tmp_path))).sqrt_cs == (None, pytest.approx(156.7), None)
    assert same(filled, trained)


def whole(trained, shared=False, sqrt_c=20.0):
    state = {f"backbone.{key}": value for key, value in Backbone().state_dict().items()}
    for n, predictor in enumerate(trained, start=1):
        state |= {f"pcoder{n}.pmodule.{key}": value for key, value in predictor.state_dict().items()}
        state[f"pcoder{n}.C_sqrt"] = torch.tensor(sqrt_c)
        for name, value in (("ffm", 0.2), ("fbm", 0.1), ("erm", 0.01)):
            state[name if shared else f"{name}{n}"] = torch.tensor(value)
    return state


@pytest.mark.parametrize("shared", [False, True])
def test_a_whole_network_of_predify_brings_its_coefficients(tmp_path, trained, shared):
    torch.save(whole(trained, shared), tmp_path / "pnet.pth")
    filled = fresh()
    found = load(filled, Source(str(tmp_path / "pnet.pth")))
    assert same(filled, trained)
    assert found.sqrt_cs == (20.0,) * 3
    assert found.coefficients == Coefficients([0.2] * 3, [0.1, 0.1, 0.0], [0.01] * 3)
    backbone = Backbone()
    weights.fill(backbone, weights.backbone_state(str(tmp_path / "pnet.pth"), []), "it")
    network, coefficients = predictive(backbone, MODULES, 16, Source(str(tmp_path / "pnet.pth")), True, lambda _: predictors())
    assert network.sqrt_cs == (20.0,) * 3
    assert coefficients == found.coefficients


def test_a_measured_reach_of_minus_one_is_none(tmp_path, trained):
    torch.save(whole(trained, sqrt_c=-1.0), tmp_path / "pnet.pth")
    network, _ = predictive(Backbone(), MODULES, 16, Source(str(tmp_path / "pnet.pth")), True, lambda _: predictors())
    assert network.sqrt_cs[0] == 75**0.5


def test_a_file_of_ours_brings_what_was_learned(tmp_path, trained):
    state = {f"predictors.{n}.{key}": value for n, each in enumerate(trained) for key, value in each.state_dict().items()}
    learned = {"beta": [0.5, 0.4, 0.3], "lambda": [0.1, 0.2, 0.0], "alpha": [0.01, 0.02, 0.03]}
    save_file(state, tmp_path / "ours.safetensors", metadata={"pcsweep.coefficients": json.dumps(learned)})
    filled = fresh()
    assert load(filled, Source(str(tmp_path / "ours.safetensors"))).coefficients == Coefficients(*learned.values())
    assert same(filled, trained)
    save_file(state, tmp_path / "ours.safetensors", metadata={"pcsweep.coefficients": "[]"})
    with pytest.raises(ValueError, match="its stored coefficients cannot be read"):
        load(fresh(), Source(str(tmp_path / "ours.safetensors")))


def test_what_is_missing_is_named_with_what_is_expected_and_where_it_is_published(tmp_path, trained):
    folder = published(tmp_path / "published", trained)
    (folder / "pvgg16_imagenet_pretrained_pc2_pmodule.pth").unlink()
    source = Source(str(folder), "pvgg16_imagenet_pretrained_pc{n}_pmodule.pth")
    message = (
        r"the 3 files pvgg16_imagenet_pretrained_pc1_pmodule.pth, .*predify's authors publish \(github.* lacks pvgg16_.*_pc2"
    )
    with pytest.raises(ValueError, match=message):
        load(fresh(), source)
    with pytest.raises(ValueError, match="lacks .*pc1.*pc2.*pc3"):
        load(fresh(), Source(str(tmp_path / "nowhere")))


def test_two_files_of_one_number_are_refused(tmp_path, trained):
    folder = published(tmp_path / "published", trained)
    shutil.copy(folder / "pvgg16_imagenet_pretrained_pc3_pmodule.pth", folder / "new_pc3.pth")
    with pytest.raises(ValueError, match=r"these share a number: .*new_pc3.pth, .*pretrained_pc3"):
        load(fresh(), Source(str(folder)))


class Touch:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_nothing_in_a_file_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Touch()}, "pc1.pth")
    with pytest.raises(ValueError, match="to be a file of tensors alone, but it is not"):
        weights.read(tmp_path / "pc1.pth")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file of tensors alone"),
        (b"no zip", "file of tensors alone"),
        (torch.zeros(3), "state dict, but it holds a Tensor"),
        ({}, "state dict"),
        ({"weight": torch.zeros(8, 3, 5, 5), "bias": "three"}, "'bias' is a str"),
        ({"weight": torch.zeros(8, 3, 5, 5)}, r"predictor 1\) does not fit: it lacks 'bias'"),
        (
            {"1.weight": torch.zeros(8, 3, 5, 5), "1.bias": torch.zeros(3)},
            "lacks 'bias', 'weight'; has, but should not, '1.bias'",
        ),
        (
            {"weight": torch.zeros(8, 3, 7, 7), "bias": torch.zeros(3)},
            r"'weight' is \(8, 3, 7, 7\) where \(8, 3, 5, 5\) is needed",
        ),
    ],
)
@pytest.mark.parametrize("ending", ["pth"])
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, trained, content, message, ending):
    folder = published(tmp_path / "published", trained)
    path = folder / f"pvgg16_imagenet_pretrained_pc1_pmodule.{ending}"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=message) as refused:
        load(fresh(), Source(str(folder)))
    assert "pc1_pmodule.pth" in str(refused.value)


def test_a_truncated_file_is_refused(tmp_path, trained):
    folder = published(tmp_path / "published", trained)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"(?s)pc1_.*pc2_.*pc3_"):  # all of them in one message
        load(fresh(), Source(str(folder)))
    (tmp_path / "bad.safetensors").write_bytes(b"\x10")
    with pytest.raises(ValueError, match="file of tensors alone"):
        weights.read(tmp_path / "bad.safetensors")


def test_a_file_of_another_count_of_pcoders_is_refused(tmp_path, trained):
    torch.save({"pcoder1.pmodule.weight": torch.zeros(1)}, tmp_path / "pnet.pth")
    with pytest.raises(ValueError, match="to hold 3 predictors .* but it holds 1"):
        load(fresh(), Source(str(tmp_path / "pnet.pth")))


def test_a_backbone_in_its_forms(tmp_path):
    backbone = Backbone()
    for number, state in enumerate(
        (
            backbone.state_dict(),
            {"state_dict": backbone.state_dict()},
            {f"module.{k}": v for k, v in backbone.state_dict().items()},
        )
    ):
        torch.save(state, tmp_path / f"{number}.pth")
        other = Backbone()
        weights.fill(other, weights.backbone_state(str(tmp_path / f"{number}.pth"), []), "it")
        assert all(a.equal(b) for a, b in zip(other.parameters(), backbone.parameters(), strict=True))
    with pytest.raises(
        ValueError, match="Expected `model.weights` to be default, random or a file, but there is no file 'x.pth'"
    ):
        weights.backbone_state("x.pth", ["default", "random"])


def test_the_number_is_the_last_in_a_name_in_any_case_and_none_may_be_too_many(tmp_path, trained):
    for n, predictor in enumerate(trained, start=1):
        torch.save(predictor.state_dict(), tmp_path / f"pc8run_PC{n}.pth")
    filled = fresh()
    load(filled, Source(str(tmp_path)))
    assert same(filled, trained)
    torch.save({}, tmp_path / "pc4.pth")
    with pytest.raises(ValueError, match=r"there are more: .*pc4.pth"):
        load(fresh(), Source(str(tmp_path)))


def test_any_damage_to_a_file_is_a_refusal(tmp_path):
    torch.save({"weight": torch.arange(50.0)}, tmp_path / "whole.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "whole.pth").read_bytes()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(ValueError, match="'.*cut.pth' to"):
            weights.read(tmp_path / "cut.pth")
