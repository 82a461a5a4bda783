"""Weights drawn anew from the top down: which change, by what, and that nothing else does."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import nn
from toy_network import MODULES, Backbone, fresh

from pcsweep.attribution import grad_cam
from pcsweep.config.errors import BadSetting
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder, plain_of
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.randomized import model_choice
from pcsweep.model.build.randomized import randomize
from pcsweep.network import PCoder, PredictiveNetwork

DEPTHS = ["head", 1, 2, 3]


def network(modules=MODULES):
    torch.manual_seed(7)
    backbone = Backbone()
    return PredictiveNetwork(backbone, [PCoder(name, each) for name, each in zip(modules, fresh(), strict=False)])


def parameters(net):
    """By name in the backbone, and those of the predictors."""
    own = {key: value for part in (*net.stages, net.head) for key, value in part.named_parameters()}
    return own | {f"predictors.{key}": value for key, value in net.predictors.named_parameters()}


def drawn(how, seed=0, net=None):
    net = net or network()
    randomize(net, "toy", how, seed)
    return parameters(net)


@pytest.mark.parametrize(
    ("how", "layers"),
    [
        ("head", ("classifier",)),
        (1, ("classifier", "features.6")),
        (2, ("classifier", "features.6", "features.3")),
        (3, ("classifier", "features.6", "features.3", "features.0")),
    ],
)
def test_the_head_and_the_topmost_stages_are_drawn_anew_and_nothing_else(how, layers):
    before, after = parameters(network()), drawn(how)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {key for key in before if key.startswith(layers)}


@pytest.mark.parametrize("how", DEPTHS)
def test_weights_are_around_0_with_the_size_they_had_and_biases_are_shuffled(how):
    before, after = parameters(network()), drawn(how)
    for key in (key for key in before if not torch.equal(before[key], after[key])):
        old, new = before[key], after[key]
        if old.ndim == 1:
            assert torch.equal(old.sort().values, new.sort().values)
            continue
        old, new = old.flatten(1), new.flatten(1)
        count = old.shape[1]
        size = new.square().mean(1).sqrt() / old.square().mean(1).sqrt()
        assert (size - 1).abs().max() < 5 / (2 * count) ** 0.5  # of a chi-square distribution, five standard deviations
        assert (new.mean(1) / old.square().mean(1).sqrt()).abs().max() < 5 / count**0.5


def test_draws_follow_from_seed_and_name_alone():
    first, again = drawn(2, seed=3), drawn(2, seed=3)
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = drawn(2, seed=4)
    assert not torch.equal(first["classifier.0.weight"], other["classifier.0.weight"])
    deeper = drawn(3, seed=3)  # a layer's values do not depend on how much else is drawn
    assert torch.equal(first["features.6.weight"], deeper["features.6.weight"])
    elsewhere = drawn("head", seed=3, net=network(MODULES[:2]))  # nor on where the pcoders are
    assert torch.equal(first["features.6.weight"], elsewhere["features.6.weight"])


def test_the_global_generator_is_neither_asked_nor_changed():
    net, state = network(), torch.get_rng_state()
    randomize(net, "toy", 3, 0)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match="null, head or a number from 1 to 3, the stages of toy, but got 4"):
        randomize(network(), "toy", 4, 0)
    bare = PredictiveNetwork(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()), [PCoder("1", fresh()[0])])
    with pytest.raises(ValueError, match="parts with parameters, but got 'head': the head of bare has none"):
        randomize(bare, "bare", "head", 0)
    randomize(bare, "bare", 1, 0)  # the stage has some
    tied = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
    tied[2].weight = tied[0].weight
    with pytest.raises(ValueError, match="parameters of their own, but got 'head': tied has parameters in them that"):
        randomize(PredictiveNetwork(tied, [PCoder("1", nn.ConvTranspose2d(3, 3, 3, padding=1))]), "tied", "head", 0)


def config(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("config", overrides=["model=pminivgg", "dataset.limit=4", "timesteps=1", *words])


@pytest.mark.parametrize("value", ["tail", "0", "true", "2.5", "[1]", "-1"])
def test_another_value_is_refused_with_what_it_may_be(value):
    said = "`model.randomized` to be null, head or how many of the topmost stages, 1 or more, but got"
    with pytest.raises(BadSetting, match=said):
        point_from(config(f"model.randomized={value}"), Loaded())


def test_it_is_part_of_the_identity_only_where_it_is_given():
    loaded = Loaded()
    plain, seeded = (point_from(config(*words), loaded).decisive(loaded) for words in ([], ["model.randomized_seed=9"]))
    assert plain == seeded
    assert not {"randomized", "randomized_seed"} & set(plain["model"])
    points = [point_from(config("model.randomized=head", *words), loaded) for words in ([], ["model.randomized_seed=9"])]
    first, other = (point.decisive(loaded)["model"] for point in points)
    assert (first["randomized"], first["randomized_seed"], other["randomized_seed"]) == ("head", 0, 9)
    assert len({plain["model"]["weights_sha256"], first["weights_sha256"], other["weights_sha256"]}) == 3
    assert points[0].label.endswith(" randomized=head")


def test_one_model_is_kept_and_is_always_the_one_that_is_asked_for():
    loaded = Loaded()
    plain, head = (model_choice(plain_of(config(f"model.randomized={word}"))["model"]) for word in ("null", "head"))
    prints = [loaded.model(choice).fingerprint for choice in (plain, head, plain, head)]
    assert prints[:2] == prints[2:]
    assert prints[0] != prints[1]
    assert loaded.model(head) is loaded.model(head)


@pytest.mark.parametrize("how", ["null", "head", "1", "2", "3", "4"])
def test_activations_keep_their_size_and_maps_are_not_degenerate(how):
    model = Loaded().model(model_choice(plain_of(config(f"model.randomized={how}"))["model"]))
    dataset = Shapes(split="test", count=20, seed=5)
    images = model.normalize(torch.stack([dataset[index].image for index in range(20)]))
    with torch.no_grad():
        representation = model.network.feedforward(images)[-1]
    assert 0.5 < representation.std() < 5  # 1.4 of the trained one
    maps = grad_cam(model.network.head, representation, torch.arange(20) % 10).flatten(1)
    varied = maps.std(1) > 1e-3 * maps.mean(1)
    assert varied.sum() >= 10  # the others are zero: a random class may have weights below 0 alone
