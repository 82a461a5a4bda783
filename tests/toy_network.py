"""Small networks to cut at their modules, and predictors for them."""

import torch
from hypothesis import strategies as st
from torch import nn


class Backbone(nn.Module):
    """Three blocks as in the golden traces; in-place ReLUs, as VGG has them."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for below, above in ((3, 8), (8, 12), (12, 16)):
            layers += [nn.Conv2d(below, above, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        self.dropout = nn.Dropout(dropout)

    def forward(self, images):
        return self.classifier(self.dropout(self.features(images).flatten(1)))


MODULES = ("features.1", "features.4", "features.7")


def predictors() -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(8, 3, 5, padding=2),
        nn.Sequential(nn.ConvTranspose2d(12, 8, 10, stride=2, padding=4), nn.ReLU()),
        nn.Sequential(nn.ConvTranspose2d(16, 12, 14, stride=2, padding=6), nn.ReLU()),
    ]


def fresh(seed: int = 0) -> list[nn.Module]:
    """Predictors with the weights of a seed."""
    torch.manual_seed(seed)
    return predictors()


class Chain(nn.Module):
    """A random backbone: convolutions, every second one of stride two, then a linear head."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3 if n == 0 else 4, 4, 3, padding=1, stride=1 + n % 2), nn.ReLU()) for n in range(depth)
        )
        self.head = nn.Linear(4, 5)

    def forward(self, images):
        for block in self.blocks:
            images = block(images)
        return self.top(images)

    def top(self, representation):
        return self.head(representation.mean((2, 3)))


def predictor(n: int, relu: bool) -> nn.Module:
    stride = 1 + n % 2
    convolution = nn.ConvTranspose2d(4, 3 if n == 0 else 4, 3 + n % 2, stride=stride, padding=1)
    return nn.Sequential(convolution, nn.ReLU()) if relu else convolution


weight = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)


@st.composite
def grids(draw):
    """Points of one network, timesteps, images, rows, and a seed."""
    depth = draw(st.integers(1, 4))
    points = []
    for _ in range(draw(st.integers(1, 4))):
        rules = []
        for _ in range(depth):
            beta = draw(weight)
            rules.append((beta, draw(weight) * (1 - beta), draw(st.sampled_from([0.0, 0.01]) | st.floats(0, 1))))
        active = draw(st.lists(st.booleans(), min_size=depth, max_size=depth))
        points.append([rule if chosen else (1.0, 0.0, 0.0) for rule, chosen in zip(rules, active, strict=True)])
    return points, draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 12)), draw(st.integers(0, 1000))
