"""predify's own descriptions of a network: its TOML configuration, and a network that it has built.

predify runs the text of a configuration through `eval`. Here a predictor's expression is parsed, and only calls of the listed
`torch.nn` layers with literal arguments are followed; `imports` are never run.
"""

import ast
import copy
import inspect
import logging
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pcsweep.model.build.predictors import Shape, default_predictor
from pcsweep.model.build.weights import predify_coefficients
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork

LAYERS = (
    "Sequential", "ConvTranspose2d", "Conv2d", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "PixelShuffle",
    "BatchNorm2d", "Identity", "ReLU", "ReLU6", "LeakyReLU", "ELU", "GELU", "SiLU", "Softplus", "Sigmoid", "Tanh",
)  # fmt: skip

_DEFAULTS = {"feedforward": 0.3, "feedback": 0.3, "pc": 0.01}  # predify's, where a pcoder states none
_KNOWN = {"name", "imports", "gradient_scaling", "shared_hyperparameters", "input_size", "pcoders"}
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\[\d+\]|\.\w+)*")
_LONGEST = 4000  # characters of an expression
_MOST = 2**29  # parameters of a predictor, 2 GiB
_LARGEST = 2**26  # numbers in any map on the way, for one image

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Configuration:
    """A predify configuration.

    Args:
        modules: where the pcoders are, as `features.3`.
        predictors: expressions, or `None` for predify's default predictor.
        coefficients: of the pcoders.
        size: side of the square images, in pixels.
        gradient_scaling: whether the error's gradient is scaled (`PCoderN`).
    """

    modules: tuple[str, ...]
    predictors: tuple[str | None, ...]
    coefficients: Coefficients
    size: int
    gradient_scaling: bool

    def build(self, shapes: Sequence[Shape]) -> list[nn.Module]:
        """P_1..P_N, untrained, for representations r_0..r_N of these shapes.

        Raises:
            ValueError: an expression that is refused, or a predictor of another shape than the representation below it.
        """
        pairs = zip(self.predictors, shapes[1:], shapes, strict=False)
        return [
            default_predictor(above, below) if expression is None else predictor(expression, above, below)
            for expression, above, below in pairs
        ]


def configuration(path: Path) -> Configuration:
    """Reads a predify TOML configuration.

    Raises:
        ValueError: no such file, no TOML, or a key with a value that predify would not take.
    """
    if not path.is_file():
        raise ValueError(f"Expected `config` to be a predify configuration (TOML), but there is no file {str(path)!r}.")
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"Expected `config` to be TOML, but {str(path)!r} is not: {error}.") from error
    if ignored := sorted(set(content) - _KNOWN):
        _log.warning("%s: keys that predify does not know are left out: %s", path, ", ".join(ignored))
    pcoders = content.get("pcoders")
    if not isinstance(pcoders, list) or not pcoders or not all(isinstance(each, dict) for each in pcoders):
        raise ValueError(f"Expected `pcoders` in {str(path)!r} to be a list of tables ([[pcoders]]), but got {pcoders!r}.")
    return Configuration(
        modules=tuple(_module(each.get("module"), n) for n, each in enumerate(pcoders, start=1)),
        predictors=tuple(_expression(each.get("predictor"), n) for n, each in enumerate(pcoders, start=1)),
        coefficients=_coefficients(pcoders, _flag(content, "shared_hyperparameters")),
        size=_size(content.get("input_size")),
        gradient_scaling=_flag(content, "gradient_scaling"),
    )


def _flag(content: dict[str, Any], name: str) -> bool:
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"Expected `{name}` to be true or false, but got {value!r}.")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, list) or len(value) != 3 or not all(type(each) is int and each > 0 for each in value):
        raise ValueError(f"Expected `input_size` to be [channels, height, width], but got {value!r}.")
    if value[0] != 3 or value[1] != value[2]:
        raise ValueError(f"Expected `input_size` to be square and of three channels, but got {value!r}.")
    return int(value[1])


def _module(value: Any, n: int) -> str:
    """`features[3]` as `features.3`."""
    if not isinstance(value, str) or not _MODULE.fullmatch(value):
        raise ValueError(f"Expected `module` of pcoder {n} to be such as features[3], but got {value!r}.")
    return re.sub(r"\[(\d+)\]", r".\1", value)


def _expression(value: Any, n: int) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"Expected `predictor` of pcoder {n} to be an expression in quotes, but got {value!r}.")
    return value


def _coefficients(pcoders: Sequence[dict[str, Any]], shared: bool) -> Coefficients:
    given = [pcoders[0] if shared else each for each in pcoders]
    columns: dict[str, list[float]] = {name: [] for name in _DEFAULTS}
    for n, each in enumerate(given, start=1):
        values = each.get("hyperparameters", _DEFAULTS)
        for name, column in columns.items():
            value = values.get(name) if isinstance(values, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"Expected `hyperparameters` of pcoder {n} to have a number `{name}`, but got {values!r}.")
            column.append(float(value))
    return Coefficients(columns["feedforward"], [*columns["feedback"][:-1], 0.0], columns["pc"])


def predictor(expression: str, above: Shape, below: Shape) -> nn.Module:
    """The module that an expression such as `Sequential(ConvTranspose2d(64, 3, 5, padding=2), ReLU())` describes, untrained.

    Raises:
        ValueError: anything but calls of `LAYERS` with literal arguments, or a module that does not map r_n of shape `above` to
            the shape `below`.
    """
    tree = _parsed(expression)
    try:
        _check_shapes(tree, expression, above, below)
        built = _layer(tree, expression).eval()
        with torch.no_grad():  # shapes alone do not tell of a wrong number of channels
            built(torch.zeros(1, *above))
    except (TypeError, RuntimeError, ArithmeticError, IndexError) as error:
        raise ValueError(f"Expected a predictor, but {expression!r} cannot be built: {error}") from error
    return built


def _check_shapes(tree: ast.expr, expression: str, above: Shape, below: Shape) -> None:
    """On PyTorch's device without memory, where a layer of any size costs nothing."""
    with torch.device("meta"):
        outline = _layer(tree, expression).eval()
        parameters = sum(each.numel() for each in outline.parameters())
        if parameters > _MOST:
            raise ValueError(f"Expected a predictor of at most {_MOST} parameters, but {expression!r} has {parameters}.")
        passing = torch.empty(1, *above)
        for layer in outline.modules():  # in the order in which the data passes
            passing = passing if isinstance(layer, nn.Sequential) else layer(passing)
            if passing.numel() > _LARGEST:
                raise ValueError(f"Expected maps of at most {_LARGEST} numbers, but {expression!r} makes larger ones.")
        returned = tuple(passing.shape[1:])
    if returned != below:
        raise ValueError(f"Expected a predictor from {above} to {below}, but {expression!r} returns {returned}.")


def _parsed(expression: str) -> ast.expr:
    if len(expression) > _LONGEST:
        raise ValueError(f"Expected an expression of at most {_LONGEST} characters, but got {len(expression)}.")
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"Expected a predictor such as ConvTranspose2d(64, 3, 5), but got {expression!r} ({error}).") from error


def _layer(node: ast.expr, expression: str) -> nn.Module:
    """The module of one call, its arguments checked against the layer's signature."""
    if not isinstance(node, ast.Call):
        raise _refused(node, expression)
    name = _name(node.func)
    if name not in LAYERS:
        raise ValueError(
            f"Refused {name or ast.unparse(node.func)!r} in the predictor {expression!r}. Allowed: {', '.join(LAYERS)}."
        )
    if name == "Sequential":
        if node.keywords:
            raise _refused(node, expression)
        return nn.Sequential(*(_layer(argument, expression) for argument in node.args))
    layer: type[nn.Module] = getattr(nn, name)
    positional = [_literal(argument, expression) for argument in node.args]
    named = {str(each.arg): _literal(each.value, expression) for each in node.keywords}
    valid = [key for key in inspect.signature(layer).parameters if key not in ("device", "dtype")]
    if unknown := sorted(set(named) - set(valid)):
        raise ValueError(
            f"Refused argument {unknown[0]!r} of {name} in the predictor {expression!r}. Allowed: {', '.join(valid)}."
        )
    if len(positional) > len(valid):
        raise ValueError(f"Expected at most {len(valid)} arguments of {name} in {expression!r}, but got {len(positional)}.")
    return layer(*positional, **named)


def _name(function: ast.expr) -> str:
    """`ReLU` of `ReLU`, `nn.ReLU` and `torch.nn.ReLU`; empty for anything else."""
    if isinstance(function, ast.Name):
        return function.id
    written = ast.unparse(function)
    for prefix in ("torch.nn.", "nn."):
        if written.startswith(prefix):
            return written.removeprefix(prefix)
    return ""


def _literal(node: ast.expr, expression: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _refused(node, expression) from error


def _refused(node: ast.expr, expression: str) -> ValueError:
    return ValueError(
        f"Refused {ast.unparse(node)!r} in the predictor {expression!r}. Allowed: calls of {', '.join(LAYERS)} with literals."
    )


def from_predify(pnet: nn.Module) -> PredictiveNetwork:
    """A live predify network as one of ours: the same parameter tensors, no hook and no state of the original.

    √C is taken as predify has measured it. The coefficients are not part of our network: see `coefficients_of`.

    Args:
        pnet: an instance of a class that predify generated; left as it is.

    Raises:
        ValueError: no predify network, or a scaled one that has not seen an image yet (its √C is unknown).
    """
    backbone = getattr(pnet, "backbone", None)
    if not isinstance(backbone, nn.Module):
        raise ValueError(f"Expected a network that predify built, with a `backbone`, but got a {type(pnet).__name__}.")
    places = _hooked(backbone)
    if not places or sorted(places) != list(range(1, len(places) + 1)):
        raise ValueError(
            f"Expected a hook `fw_hook{{n}}` of predify for every pcoder, but found those of pcoders {sorted(places)}."
        )
    pcoders = []
    for n in sorted(places):
        pcoder = pnet.get_submodule(f"pcoder{n}")
        pcoders.append(PCoder(places[n], pcoder.get_submodule("pmodule"), _sqrt_c(pcoder, n)))
    return PredictiveNetwork(_without_hooks(backbone), pcoders)


def coefficients_of(pnet: nn.Module) -> Coefficients:
    """β, λ and α of a live predify network; λ of the last pcoder, which has no feedback, as 0.

    Raises:
        ValueError: there are none, or they are no coefficients.
    """
    found = predify_coefficients(pnet.state_dict())
    if found is None:
        raise ValueError(f"Expected a network that predify built, with ffm, fbm and erm, but got a {type(pnet).__name__}.")
    return found


def _hooked(backbone: nn.Module) -> dict[int, str]:
    """The module of each pcoder, by the names that predify gives its hooks."""
    places = {}
    for name, module in backbone.named_modules():
        for hook in module._forward_hooks.values():
            if matched := re.fullmatch(r"fw_hook(\d+)", getattr(hook, "__name__", "")):
                places[int(matched[1])] = name
    return places


def _without_hooks(module: nn.Module) -> nn.Module:
    """A copy of the module tree that shares its parameters and buffers, without predify's hooks."""
    twin = copy.copy(module)
    kept = {key: hook for key, hook in module._forward_hooks.items() if not getattr(hook, "__name__", "").startswith("fw_hook")}
    twin._forward_hooks = type(module._forward_hooks)(kept)
    twin._modules = {name: child if child is None else _without_hooks(child) for name, child in module._modules.items()}
    return twin


def _sqrt_c(pcoder: nn.Module, n: int) -> float | None:
    measured = dict(pcoder.named_buffers()).get("C_sqrt")
    if measured is None:
        return None
    if not float(measured) > 0:
        raise ValueError(f"Expected pcoder {n} to have measured its √C, but it has not: run the network on an image first.")
    return float(measured)
