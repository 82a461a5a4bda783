"""The closed form is the minimum: against brute force, by its gradient, and by what descent can still gain."""

import pytest
import torch
from torch import nn
from toy_network import MODULES, Backbone

from pcsweep.model.build.feedback import default_predictors, shapes_at
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.train import least_squares
from pcsweep.train.least_squares import NormalEquations, fit, linear, patches

ALL = 10**9  # positions


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


PREDICTORS = {
    "same size": lambda: nn.Sequential(nn.ConvTranspose2d(4, 3, 3, padding=1)),
    "stride": lambda: nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1),
    "output padding": lambda: nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
    "more padding than reach": lambda: nn.ConvTranspose2d(4, 3, 1, stride=2, padding=1),
    "dilation": lambda: nn.ConvTranspose2d(4, 3, 3, padding=2, dilation=2),
    "upsampled": lambda: nn.Sequential(nn.Upsample(scale_factor=2.0, mode="bilinear"), nn.ConvTranspose2d(4, 3, 3, padding=1)),
    "oblong": lambda: nn.ConvTranspose2d(4, 3, (3, 2), stride=(1, 2), padding=(1, 0)),
    "convolution": lambda: nn.Conv2d(4, 3, 3, padding=1, stride=2),
    "without bias": lambda: nn.ConvTranspose2d(4, 3, 3, padding=1, bias=False),
}


@pytest.fixture(params=PREDICTORS)
def predictor(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PREDICTORS[request.param]()


def every_position(below):
    return torch.arange(below.shape[2] * below.shape[3]).expand(len(below), -1)


def solved(predictor, representation, below, ridge=0.0):
    equations = NormalEquations(linear(predictor, "it"), torch.device("cpu"))
    for part in (slice(0, 5), slice(5, None)):  # one pass, in batches
        equations.add(representation[part], below[part], every_position(below[part]))
    equations.fill(ridge)
    return equations


def test_patches_times_weights_are_the_prediction(predictor):
    representation = drawn(2, 4, 6, 7)
    with torch.no_grad():
        made = predictor(representation)
        of = linear(predictor, "it")
        phi = patches(of, representation, made.shape[-1], every_position(made))
        weight = of.convolution.weight.detach()
        if isinstance(of.convolution, nn.ConvTranspose2d):
            weight = weight.transpose(0, 1).flip(2, 3)
        columns = weight.flatten(1).T
        if of.convolution.bias is not None:
            columns = torch.cat([columns, of.convolution.bias[None]])
    torch.testing.assert_close((phi @ columns).transpose(1, 2).reshape(made.shape), made, rtol=1e-5, atol=1e-5)


def test_it_equals_brute_force(predictor):
    """Every weight's own prediction is a column of the design, whatever the layers do."""
    representation = drawn(12, 4, 6, 7)
    below = drawn(*predictor(representation).shape, seed=1)
    parameters = list(predictor.parameters())
    columns = []
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()
        for parameter in parameters:
            for place in range(parameter.numel()):
                parameter.view(-1)[place] = 1.0
                columns.append(predictor(representation).double().flatten())
                parameter.view(-1)[place] = 0.0
    expected = torch.linalg.lstsq(torch.stack(columns, 1), below.double().flatten()[:, None], driver="gelsd").solution[:, 0]
    solved(predictor, representation, below)
    found = torch.cat([parameter.detach().flatten() for parameter in parameters]).double()
    made, best = (torch.stack(columns, 1) @ weights for weights in (found, expected))
    torch.testing.assert_close(made, best, rtol=1e-4, atol=1e-5)  # cells that the kernel never reaches leave weights open


def test_its_gradient_is_that_of_the_ridge_alone(predictor):
    representation = drawn(12, 4, 6, 7)
    below = drawn(*predictor(representation).shape, seed=1)
    for ridge in (0.0, 0.1):
        equations = solved(predictor, representation, below, ridge)
        error = (predictor(representation) - below).square().sum() / 2
        convolution = equations.of.convolution
        gradient = torch.autograd.grad(error, convolution.weight)[0]
        held = len(equations.gram) - (convolution.bias is not None)
        strength = ridge * equations.gram.diagonal()[:held].mean().float()
        torch.testing.assert_close(gradient, -strength * convolution.weight.detach(), rtol=1e-3, atol=2e-2 if ridge else 1e-2)


def test_weights_that_made_the_data_predict_it_again(predictor):
    representation = drawn(30, 4, 6, 7)
    with torch.no_grad():
        below = predictor(representation)
        for parameter in predictor.parameters():
            parameter.zero_()
    solved(predictor, representation, below)
    with torch.no_grad():
        torch.testing.assert_close(predictor(representation), below, rtol=1e-4, atol=1e-4)


def network(predictors=None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone().eval()
        made = predictors or default_predictors(shapes_at(backbone, MODULES, 16))
        return PredictiveNetwork(backbone, [PCoder(name, each) for name, each in zip(MODULES, made, strict=True)])


def errors(of, inputs, targets):
    with torch.no_grad():
        given, wanted = of.feedforward(inputs), [targets, *of.feedforward(targets)]
        return [(p(r) - below).square().mean().item() for p, r, below in zip(of.predictors, given, wanted, strict=False)]


def batches(count=48, size=16, noise=0.0):
    for seed in range(count // size):
        images = drawn(size, 3, 16, 16, seed=seed)
        yield (images + noise * drawn(size, 3, 16, 16, seed=seed + 99), images) if noise else (images, images)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_no_descent_gains_anything_on_it(noise):
    of = network()
    fit(of, batches(noise=noise), ridge=0.0, positions=ALL, generator=torch.Generator())
    inputs, targets = (torch.cat(parts) for parts in zip(*batches(noise=noise), strict=True))
    best = errors(of, inputs, targets)
    for scale in (1e-2, 1e-3):
        for seed in range(5):
            other = network()
            other.load_state_dict(of.state_dict())
            with torch.no_grad():
                for number, parameter in enumerate(other.predictors.parameters()):
                    parameter += scale * drawn(*parameter.shape, seed=100 * seed + number)
            assert all(worse > good for worse, good in zip(errors(other, inputs, targets), best, strict=True))


def test_denoising_predictors_predict_the_clean_representation_better():
    plain, denoising = network(), network()
    fit(plain, batches(), ridge=0.0, positions=ALL, generator=torch.Generator())
    fit(denoising, batches(noise=1.0), ridge=0.0, positions=ALL, generator=torch.Generator())
    inputs, targets = (torch.cat(parts) for parts in zip(*batches(noise=1.0), strict=True))
    pairs = zip(errors(denoising, inputs, targets), errors(plain, inputs, targets), strict=True)
    assert all(ours < theirs for ours, theirs in pairs)


def test_batches_do_not_matter_and_some_positions_come_near():
    whole, parted, some = network(), network(), network()
    fit(whole, batches(48, 48), ridge=1e-6, positions=ALL, generator=torch.Generator())
    images = torch.cat([targets for _, targets in batches(48, 48)])
    fit(
        parted,
        ((images[at : at + 8], images[at : at + 8]) for at in range(0, 48, 8)),
        ridge=1e-6,
        positions=ALL,
        generator=torch.Generator(),
    )
    fit(some, batches(48, 48), ridge=1e-6, positions=100, generator=torch.Generator().manual_seed(3))
    for ours, theirs in zip(whole.predictors.parameters(), parted.predictors.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    again = network()
    fit(again, batches(48, 48), ridge=1e-6, positions=100, generator=torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(some.predictors.parameters(), again.predictors.parameters(), strict=True))
    for near, best in zip(errors(some, images, images), errors(whole, images, images), strict=True):
        assert best <= near < 1.5 * best


def test_what_has_no_closed_form_is_refused_by_name(monkeypatch):
    good = default_predictors(shapes_at(Backbone().eval(), MODULES, 16))
    for wrong, message in (
        (
            nn.Sequential(nn.Conv2d(8, 8, 1), nn.ConvTranspose2d(8, 3, 3)),
            "features.1 to be one convolution .* it is Conv2d, ConvTr",
        ),
        (
            nn.Sequential(nn.ConvTranspose2d(8, 3, 3), nn.Sigmoid()),
            "ConvTranspose2d, Sigmoid; train it by recipe=predify",
        ),
        (nn.ConvTranspose2d(8, 4, 3, groups=4), "without groups"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(network([wrong, *good[1:]]), batches(), ridge=0.0, positions=4, generator=torch.Generator())
    with pytest.raises(ValueError, match="Expected images to learn from, but there are none"):
        fit(network(), [], ridge=0.0, positions=4, generator=torch.Generator())
    monkeypatch.setattr(least_squares, "limit", lambda: 2**16)
    with pytest.raises(ValueError, match="fit into half of the memory .*, but they take 0.0 GiB, .* that of 'features.7'"):
        fit(network(), batches(), ridge=0.0, positions=4, generator=torch.Generator())


def test_a_final_relu_is_left_out():
    with_relu = network([*network().predictors[:2], nn.Sequential(*network().predictors[2], nn.ReLU())])
    without = network()
    for of in (with_relu, without):
        fit(of, batches(), ridge=0.0, positions=ALL, generator=torch.Generator())
    for ours, theirs in zip(with_relu.predictors.parameters(), without.predictors.parameters(), strict=True):
        assert torch.equal(ours, theirs)
