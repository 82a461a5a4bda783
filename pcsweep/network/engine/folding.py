"""A stage with fewer passes over its maps: what surrounds a convolution is folded into it.

In evaluation a batch normalisation multiplies each channel by a number and adds another, which the convolution before it can do
with its own kernel and bias; zeros that are put around its input are its padding; and a rectifier after it may write over its
result. What comes out is the same but for rounding.
"""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from pcsweep.network.convolution.closed_form import is_plain
from pcsweep.network.convolution.geometry import pair

_CONVOLUTIONS = (torch.conv2d, functional.conv2d)
_CONV_DEFAULTS: tuple[Any, ...] = (None, 1, 0, 1, 1)  # bias, stride, padding, dilation and groups of the function
_NORM_DEFAULTS: dict[str, Any] = {  # in the order of the function's arguments
    "running_mean": None,
    "running_var": None,
    "weight": None,
    "bias": None,
    "training": False,
    "momentum": 0.1,
    "eps": 1e-5,
}
_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Hardtanh)


class _Norm(NamedTuple):
    """A batch normalisation: its running mean and variance, (channels,) each; weight and bias, if any; and ε."""

    mean: Tensor
    variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    epsilon: float

    def scale(self) -> Tensor:
        """By which each channel is multiplied, in double precision."""
        scale = (self.variance.double() + self.epsilon).rsqrt()
        return scale if self.weight is None else scale * self.weight.detach().double()


def folded(stage: fx.GraphModule) -> fx.GraphModule:
    """The stage, or one that computes the same on the same parameters' values as they are now; for inference alone.

    Args:
        stage: from `pcsweep.network.backbone.cut`.
    """
    made = fx.GraphModule(stage, copy.deepcopy(stage.graph), class_name=type(stage).__name__)
    if not any([_replaced(node, made) for node in list(made.graph.nodes)]):
        return stage
    made.graph.eliminate_dead_code()
    made.delete_all_unused_submodules()
    made.recompile()
    return made


def _replaced(node: fx.Node, stage: fx.GraphModule) -> bool:
    """Replaces a node that computes a convolution, and what can be folded into it, by one layer; whether it has."""
    layer = _as_module(node, stage)
    if layer is None:
        return False
    end, padded = _folded_into(layer, node, stage), _padding_before(layer, node, stage)
    if end is node and padded is None and node.op == "call_module":
        return False
    name = f"{node.name}_folded"
    stage.add_submodule(name, layer)
    with stage.graph.inserting_after(end):
        new = stage.graph.call_module(name, (node.args[0] if padded is None else padded,))
    end.replace_all_uses_with(new)
    _write_over(new, stage)
    return True


def _as_module(node: fx.Node, stage: fx.GraphModule) -> nn.Conv2d | None:
    """A copy of the convolution that a node computes, with a kernel and bias of its own to be; None where it is none."""
    if node.op == "call_module":
        module = stage.get_submodule(str(node.target))
        if not isinstance(module, nn.Conv2d) or not is_plain(module, nn.Conv2d) or len(node.args) != 1 or node.kwargs:
            return None
        return _copied(module)
    if node.op != "call_function" or node.target not in _CONVOLUTIONS or node.kwargs or len(node.args) < 2:
        return None
    arguments: list[Any] = list(node.args[1:])
    kernel, bias, stride, padding, dilation, groups = (*arguments, *_CONV_DEFAULTS[len(arguments) - 1 :])
    weight, offset = _constant(kernel, stage), _constant(bias, stage)
    if weight is None or (offset is None and bias is not None) or isinstance(padding, str):
        return None
    above, below, height, width = weight.shape
    made = nn.Conv2d(below * groups, above, (height, width), pair(stride), pair(padding), pair(dilation), groups, device="meta")
    made.weight, made.bias = _fixed(weight), None if offset is None else _fixed(offset)
    return made


def _copied(module: nn.Conv2d) -> nn.Conv2d:
    made = copy.copy(module)
    made._parameters = dict(module._parameters)
    return made


def _constant(node: Any, stage: fx.GraphModule) -> Tensor | None:
    """The parameter or buffer that a node is."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    path, _, name = str(node.target).rpartition(".")
    found = getattr(stage.get_submodule(path), name, None)
    return found if isinstance(found, Tensor) else None


def _fixed(values: Tensor) -> nn.Parameter:
    """In the order of memory that convolutions of maps with channels last take."""
    layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
    return nn.Parameter(values.detach().contiguous(memory_format=layout), requires_grad=False)


def _folded_into(layer: nn.Conv2d, node: fx.Node, stage: fx.GraphModule) -> fx.Node:
    """The node whose result the layer now has: the normalisation that alone follows it, or itself."""
    following = _only_user(node)
    norm = None if following is None else _norm(following, node, stage)
    if norm is None or following is None:
        return node
    scale = norm.scale()
    kernel = layer.weight.detach()
    own, added = (torch.zeros_like(scale) if each is None else each.detach().double() for each in (layer.bias, norm.bias))
    bias = (own - norm.mean.double()) * scale + added
    layer.weight = _fixed((kernel.double() * scale[:, None, None, None]).to(kernel.dtype))
    layer.bias = _fixed(bias.to(kernel.dtype))
    return following


def _norm(node: fx.Node, given: fx.Node, stage: fx.GraphModule) -> _Norm | None:
    """The normalisation in evaluation that a node is of what it is given."""
    if node.op == "call_module":
        module = stage.get_submodule(str(node.target))
        if not isinstance(module, nn.BatchNorm2d) or not is_plain(module, nn.BatchNorm2d) or module.training:
            return None
        if module.running_mean is None or module.running_var is None:  # then it is that of the batch
            return None
        return _Norm(module.running_mean, module.running_var, module.weight, module.bias, module.eps)
    if node.op != "call_function" or node.target is not functional.batch_norm or node.args[:1] != (given,):
        return None
    values: dict[str, Any] = {**_NORM_DEFAULTS, **dict(zip(_NORM_DEFAULTS, node.args[1:], strict=False)), **node.kwargs}
    mean, variance, weight, bias = (_constant(values[name], stage) for name in ("running_mean", "running_var", "weight", "bias"))
    unknown = (weight is None and values["weight"] is not None) or (bias is None and values["bias"] is not None)
    if mean is None or variance is None or unknown or values["training"] is not False:
        return None
    return _Norm(mean, variance, weight, bias, float(values["eps"]))


def _padding_before(layer: nn.Conv2d, node: fx.Node, stage: fx.GraphModule) -> fx.Node | None:
    """What was padded with zeros, which the layer now does itself; None where nothing was, or not alike at both ends."""
    before = node.args[0]
    if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.args) != 1 or len(before.users) != 1:
        return None
    module = stage.get_submodule(str(before.target))
    if not isinstance(module, nn.ZeroPad2d) or not is_plain(module, nn.ZeroPad2d):
        return None
    left, right, top, bottom = module.padding
    if left != right or top != bottom or min(left, top) < 0 or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return None
    layer.padding = (layer.padding[0] + top, layer.padding[1] + left)
    given = before.args[0]
    assert isinstance(given, fx.Node)
    return given


def _write_over(node: fx.Node, stage: fx.GraphModule) -> None:
    """Has the rectifier that alone uses a node's result write over it."""
    following = _only_user(node)
    if following is None or following.op != "call_module":
        return
    module = stage.get_submodule(str(following.target))
    if not any(is_plain(module, kind) for kind in _RECTIFIERS) or getattr(module, "inplace", True):
        return
    over = copy.copy(module)
    over.__dict__["inplace"] = True
    name = f"{following.name}_over"
    stage.add_submodule(name, over)
    following.target = name


def _only_user(node: fx.Node) -> fx.Node | None:
    """The one node that uses a result, and uses it once."""
    users = list(node.users)
    return users[0] if len(users) == 1 and sum(each is node for each in _inputs(users[0])) == 1 else None


def _inputs(node: fx.Node) -> Sequence[Any]:
    found: list[Any] = []
    fx.map_arg((node.args, node.kwargs), lambda each: found.append(each))
    return found
