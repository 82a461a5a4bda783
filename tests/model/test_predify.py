"""predify's configurations and networks: read as predify reads them, and nothing of them is ever run."""

from pathlib import Path

import numpy as np
import pytest
import torch
from predify_built import hook_on
from torch import nn
from toy_network import MODULES, Backbone, predictors

from pcsweep.model.build.predify import coefficients_of, configuration, from_predify, predictor
from pcsweep.network import Coefficients

GOLDEN = Path(__file__).parents[1] / "golden"
PVGG16 = """
name = "PVGG16"
imports = ["from torch.nn import Sequential, ReLU, ConvTranspose2d", "import os; os.system('touch hacked')"]
gradient_scaling = true
shared_hyperparameters = false
input_size = [3, 224, 224]
[[pcoders]]
module = "features[3]"
predictor = "ConvTranspose2d(64, 3, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
hyperparameters = {feedforward=0.2, feedback=0.05, pc=0.01}
[[pcoders]]
module = "features[8]"
predictor = "Sequential(ConvTranspose2d(128, 64, kernel_size=10, stride=2, padding=4), nn.ReLU(inplace=True))"
hyperparameters = {feedforward=0.4, feedback=0.1, pc=0.02}
[[pcoders]]
module = "features[15]"
"""


def written(folder, text):
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_a_configuration_is_read_as_it_is(tmp_path):
    read = configuration(written(tmp_path, PVGG16))
    assert read.modules == ("features.3", "features.8", "features.15")
    assert read.coefficients == Coefficients(
        [0.2, 0.4, 0.3], [0.05, 0.1, 0.0], [0.01, 0.02, 0.01]
    )  # the last with predify's defaults
    assert read.gradient_scaling
    assert read.size == 224
    made = read.build([(3, 224, 224), (64, 224, 224), (128, 112, 112), (256, 56, 56)])
    assert isinstance(made[0], nn.ConvTranspose2d)
    assert [type(layer) for layer in made[1]] == [nn.ConvTranspose2d, nn.ReLU]
    assert [type(layer) for layer in made[2]] == [nn.Upsample, nn.ConvTranspose2d]  # predify's default predictor
    assert not list(tmp_path.glob("hacked"))


def test_shared_hyperparameters_are_the_first_pcoders(tmp_path):
    read = configuration(written(tmp_path, PVGG16.replace("shared_hyperparameters = false", "shared_hyperparameters = true")))
    assert read.coefficients == Coefficients([0.2] * 3, [0.05, 0.05, 0.0], [0.01] * 3)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("__import__('os').system('touch hacked')", 'Refused "__import__'),
        ("os.system('touch hacked')", "Refused 'os.system'"),
        ("(lambda: ReLU())()", "Refused"),
        ("[ReLU() for _ in (1,)][0]", "Refused"),
        ("ReLU().__class__", "Refused"),
        ("ReLU", "Refused 'ReLU'"),
        ("Linear(3, 3)", "Refused 'Linear' .* Allowed: Sequential, ConvTranspose2d"),
        ("torch.load('x')", "Refused 'torch.load'"),
        ("nn.functional.relu(1)", "Refused"),
        ("Sequential(ConvTranspose2d(8, 3, int('5')), ReLU())", 'Refused "int'),
        ("ConvTranspose2d(8, 3, 5, padding=open('x'))", 'Refused "open'),
        ("ConvTranspose2d(8, 3, 5, **{'padding': 2})", "Refused argument 'None'"),
        ("ConvTranspose2d(8, 3, 5, device='cuda')", "Refused argument 'device' of ConvTranspose2d"),
        ("ConvTranspose2d(8, 3, 5, 1, 2, 0, 1, True, 1, 'zeros', 'cuda')", "at most 10 arguments"),
        ("ConvTranspose2d(8, 3, 5, padding=2**9**9)", "Refused"),
        ("ConvTranspose2d(8, 3, 5", "such as ConvTranspose2d"),
        ("ConvTranspose2d(8, 3)", "cannot be built"),
        ("ConvTranspose2d(8, 4, 5, padding=2)", r"from \(8, 16, 16\) to \(3, 16, 16\), but .* returns \(4, 16, 16\)"),
        ("ConvTranspose2d(7, 3, 5, padding=2)", "cannot be built"),
        ("ConvTranspose2d(8, 3, 99999, padding=49999)", "at most 536870912 parameters"),
        ("Sequential(" * 3000 + ")" * 3000, "at most 4000 characters"),
        ("Sequential(" * 200 + "ReLU()" + ")" * 200, "such as ConvTranspose2d|returns"),
        ("", "such as ConvTranspose2d"),
        ("Sequential(Upsample(scale_factor=900), Conv2d(8, 3, 1, stride=900))", "maps of at most 67108864 numbers"),
        ("Conv2d(8, 3, 1, stride=0)", "cannot be built"),
    ],
)
def test_a_hostile_or_wrong_expression_is_refused(expression, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        predictor(expression, (8, 16, 16), (3, 16, 16))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input_size = [3, 224, 224]", "", "Expected `input_size`"),
        ("input_size = [3, 224, 224]", "input_size = [3, 8, 224, 224]", "Expected `input_size`"),
        ("input_size = [3, 224, 224]", "input_size = [3, 224, 192]", "square"),
        ('"features[3]"', '"features[3]; import os"', "Expected `module` of pcoder 1 to be such as"),
        ('module = "features[15]"', "", "Expected `module` of pcoder 3"),
        ("pc=0.01", "pc=true", "Expected `hyperparameters` of pcoder 1 to have a number `pc`"),
        ("feedback=0.05, ", "", "`feedback`"),
        ("feedforward=0.2, feedback=0.05", "feedforward=0.7, feedback=0.6", "`beta` . `lambda` to be at most 1"),
        ("gradient_scaling = true", "gradient_scaling = 1", "Expected `gradient_scaling` to be true or false"),
        ("[[pcoders]]", "[[pcoder]]", "Expected `pcoders`"),
        ("name = ", "name = = ", "to be TOML"),
    ],
)
def test_a_wrong_configuration_is_refused(old, new, message, tmp_path):
    assert old in PVGG16
    with pytest.raises(ValueError, match=message):
        configuration(written(tmp_path, PVGG16.replace(old, new)))


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        configuration(tmp_path / "none.toml")


def golden(name):
    """The golden network as predify had built it, and its trace."""
    trace = np.load(GOLDEN / name)
    network = nn.Module()
    network.backbone = Backbone()
    network.backbone.load_state_dict(
        {k.removeprefix("backbone."): torch.from_numpy(trace[k]) for k in trace if k.startswith("backbone.")}
    )
    for n, module in enumerate(predictors(), start=1):
        prefix = f"predictor{n}."
        module.load_state_dict({k.removeprefix(prefix): torch.from_numpy(trace[k]) for k in trace if k.startswith(prefix)})
        pcoder = nn.Module()
        pcoder.pmodule = module
        if f"C_sqrt{n}" in trace:
            pcoder.register_buffer("C_sqrt", torch.as_tensor(trace[f"C_sqrt{n}"]))
        setattr(network, f"pcoder{n}", pcoder)
        for attribute, key in (("ffm", "beta"), ("fbm", "lambda"), ("erm", "alpha")):
            network.register_buffer(f"{attribute}{n}", torch.tensor(float(trace[key][n - 1])))
    hook_on(network, MODULES)
    return network, trace


@pytest.mark.parametrize("name", ["separate_scaled.npz", "separate_unscaled_batch1.npz"])
def test_a_network_of_predify_becomes_ours(name):
    theirs, trace = golden(name)
    ours = from_predify(theirs)
    hooks = [len(module._forward_hooks) for module in theirs.backbone.modules()]
    assert sum(hooks) == 3  # the original keeps its own
    assert not any(module._forward_hooks for module in ours.modules())
    steps = [key for key in trace if key.endswith(".logits")]
    for state in ours.run(torch.from_numpy(trace["input"]), coefficients_of(theirs), len(steps) - 1):
        expected = torch.from_numpy(trace[f"t{state.timestep}.logits"])
        assert (state.logits - expected).norm() <= 1e-5 * expected.norm()
    assert ours.state_dict()["predictors.0.weight"].data_ptr() == theirs.pcoder1.pmodule.weight.data_ptr()


def test_what_is_no_network_of_predify_is_refused():
    with pytest.raises(ValueError, match="with a `backbone`, but got a ReLU"):
        from_predify(nn.ReLU())
    theirs, _ = golden("separate_scaled.npz")
    theirs.pcoder2.C_sqrt.fill_(-1)
    with pytest.raises(ValueError, match="pcoder 2 to have measured its √C"):
        from_predify(theirs)
    theirs.backbone.features[4]._forward_hooks.clear()
    with pytest.raises(ValueError, match=r"found those of pcoders \[1, 3\]"):
        from_predify(theirs)
    with pytest.raises(ValueError, match="with ffm, fbm and erm"):
        coefficients_of(nn.ReLU())
