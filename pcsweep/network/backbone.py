"""Cutting a backbone into the stages between its pcoders.

A stage is the part of the network's dataflow graph between two named modules. Stages run on *twins* of the backbone's
layers: same parameter tensors, but a mode of their own (evaluation). In-place operations stay what they are, since what comes
after may rely on them; a stage that could write into its input works on a copy of it. The first dimension of every tensor that
crosses a cut is the batch: a network that asks its input for the batch size, as `x.view(images.size(0), -1)` does, is cut all the
same, and the stage asks the tensor that it is given.
"""

import copy
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import fx, nn

_IN_PLACE_OPERATORS = frozenset({"setitem"}) | {
    name for name in vars(operator) if f"__{name}__" in vars(operator) and name[:1] == "i" and name[:3] not in ("ind", "inv")
}
# Modules whose output is never their input nor a view of it.
_COMPUTING = (nn.modules.conv._ConvNd, nn.Linear, nn.modules.batchnorm._BatchNorm, nn.MaxPool2d, nn.AvgPool2d)


def cut(backbone: nn.Module, modules: Sequence[str]) -> list[fx.GraphModule]:
    """The stages of `backbone`: one up to each of `modules` (bottom-up), and the head above the last.

    Applied one after the other they compute what the backbone computes. The modules of a stage keep their names.

    Raises:
        ValueError: a name is no module of the backbone, runs never or more than once, or more than the one tensor made by
            the named module reaches the rest of the network (a skip connection past the cut), or the backbone cannot be traced.
    """
    names = dict(backbone.named_modules())
    for name in modules:
        if name not in names or not name:
            raise ValueError(f"Expected `module` to be a module of the backbone, but got {name!r}. It has: {_listing(names)}.")
    if len(set(modules)) != len(modules):
        raise ValueError(f"Expected every pcoder on a module of its own, but got {list(modules)}.")
    twin = _twin(backbone).eval()
    tracer = _ModuleOutputTracer()
    try:
        graph = tracer.trace(twin)
    except Exception as error:
        raise ValueError(f"{type(backbone).__name__} cannot be cut: torch.fx cannot trace it ({error}).") from error
    start, *others = graph.find_nodes(op="placeholder")
    if any(node.users for node in others):
        raise ValueError(
            f"Expected a backbone of one input, images, and of maps, but {type(backbone).__name__} has {len(others) + 1} inputs "
            f"({', '.join(str(node.target) for node in (start, *others))}), as vision transformers have, which work on tokens."
        )
    (output,) = graph.find_nodes(op="output")
    ends = [tracer.output_of(name) for name in modules]
    borders = [(start, "the image"), *((end, f"module {name!r}") for end, name in zip(ends, modules, strict=True))]
    targets = [*((end, f"module {name!r}") for end, name in zip(ends, modules, strict=True)), (output.args[0], "the output")]
    return [_stage(twin, graph, source, target) for source, target in zip(borders, targets, strict=True)]


def _twin(module: nn.Module) -> nn.Module:
    """A copy of the module tree that shares its parameters and buffers; only flags are its own."""
    twin = copy.copy(module)
    twin._modules = {name: child if child is None else _twin(child) for name, child in module._modules.items()}
    return twin


class _InPlaceProxy(fx.Proxy):
    """Records `x += y` as the in-place operation that it is; torch.fx would record `x + y`."""


def _recorded(name: str) -> Callable[[fx.Proxy, Any], Any]:
    function = getattr(operator, name)
    return lambda proxy, other: proxy.tracer.create_proxy("call_function", function, (proxy, other), {})


for _name in _IN_PLACE_OPERATORS - {"setitem", "iconcat"}:
    setattr(_InPlaceProxy, f"__{_name}__", _recorded(_name))


class _ModuleOutputTracer(fx.Tracer):
    """Notes the graph node that each module returns, containers included."""

    def __init__(self) -> None:
        super().__init__()
        self.module_outputs: dict[str, list[Any]] = {}

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        self.module_outputs.setdefault(self.path_of_module(m), []).append(output)
        return output

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _InPlaceProxy(node, self)

    def output_of(self, name: str) -> fx.Node:
        outputs = self.module_outputs.get(name, [])
        if len(outputs) != 1:
            raise ValueError(f"Cannot cut at {name!r}: it runs {len(outputs)} times in one pass, but must run once.")
        if not isinstance(outputs[0], fx.Proxy):
            raise ValueError(f"Cannot cut at {name!r}: it returns a {type(outputs[0]).__name__}, but must return one tensor.")
        return outputs[0].node


def _may_write_into(source: fx.Node, nodes: Iterable[fx.Node], root: nn.Module) -> bool:
    """Whether an in-place operation among `nodes` (in graph order) could reach the memory of `source`."""
    aliases = {source}
    for node in nodes:
        if not aliases.intersection(node.all_input_nodes):
            continue
        module = _module_of(node, root)
        if _is_in_place(node, module):
            return True
        if not isinstance(module, _COMPUTING):
            aliases.add(node)
    return False


def _is_in_place(node: fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return bool(getattr(module, "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    by_name = name.endswith("_") and not name.endswith("__")
    by_operator = getattr(node.target, "__module__", None) == "_operator" and name in _IN_PLACE_OPERATORS
    return by_name or by_operator or bool(node.kwargs.get("inplace")) or "out" in node.kwargs


def _stage(root: nn.Module, graph: fx.Graph, source: tuple[fx.Node, str], target: tuple[Any, str]) -> fx.GraphModule:
    """The nodes between `source` (exclusive) and `target` (inclusive) as a module of one input."""
    (source_node, source_label), (target_node, target_label) = source, target
    if not isinstance(target_node, fx.Node):
        raise ValueError(f"Expected a backbone that returns one tensor (logits), but it returns a {type(target_node).__name__}.")
    batch_sizes = _batch_sizes_before(source_node, graph)
    needed = _needed(target_node, source_node, graph, root)
    if source_node not in needed:
        raise ValueError(f"Cannot cut at {source_label}: {target_label} does not depend on it. List pcoders bottom-up.")
    past = [node for node in needed if node.op == "placeholder" and node is not source_node]
    if past:
        raise ValueError(
            f"Cannot cut at {source_label}: {target_label} also depends on what comes before it (a skip connection past the cut)."
        )
    stage, copies = fx.Graph(), {}
    inner = [node for node in graph.nodes if node in needed and node is not source_node]
    for node in [source_node, *inner]:
        if node is source_node:
            given = stage.placeholder("representation")
            copies[node] = stage.call_method("clone", (given,)) if _may_write_into(node, inner, root) else given
        elif node in batch_sizes:
            copies[node] = stage.call_method("size", (given, 0))
        else:
            copies[node] = stage.node_copy(node, copies.__getitem__)
    stage.output(copies[target_node])
    return fx.GraphModule(root, stage, class_name=f"{type(root).__name__}Stage")


def _needed(target: fx.Node, source: fx.Node, graph: fx.Graph, root: nn.Module) -> set[fx.Node]:
    """What `target` is computed from, and what changes it in place on the way without being used by name."""
    needed, nodes = _ancestors(target, source, graph), list(graph.nodes)
    for node in nodes[nodes.index(source) + 1 : nodes.index(target)]:
        if node not in needed and _is_in_place(node, _module_of(node, root)):
            changing = _ancestors(node, source, graph)
            needed |= changing if changing & needed else set()
    return needed


def _module_of(node: fx.Node, root: nn.Module) -> nn.Module | None:
    return root.get_submodule(str(node.target)) if node.op == "call_module" else None


def _ancestors(node: fx.Node, stop: fx.Node, graph: fx.Graph) -> set[fx.Node]:
    """What `node` is computed from, down to `stop` and to batch sizes asked of what comes before it."""
    batch_sizes = _batch_sizes_before(stop, graph)
    found, todo = {node}, [node]
    while todo:
        current = todo.pop()
        if current is stop or current in batch_sizes:
            continue
        fresh = [parent for parent in current.all_input_nodes if parent not in found]
        found.update(fresh)
        todo.extend(fresh)
    return found


def _batch_sizes_before(source: fx.Node, graph: fx.Graph) -> set[fx.Node]:
    """The nodes that ask a tensor before `source` for the length of its first dimension."""
    nodes = list(graph.nodes)
    before = {node for node in nodes[: nodes.index(source)] if node.op != "get_attr"}
    return {node for node in nodes if _asked_for_its_first_dimension(node) in before}


def _asked_for_its_first_dimension(node: fx.Node) -> Any:
    """The x of `x.size(0)`, `x.size()[0]` and `x.shape[0]`; None for any other node."""
    if node.op == "call_method" and node.target == "size":
        return node.args[0] if node.args[1:] == (0,) or node.kwargs == {"dim": 0} else None
    if node.target is not operator.getitem or node.args[1] != 0 or not isinstance(node.args[0], fx.Node):
        return None
    sizes = node.args[0]
    by_method = sizes.op == "call_method" and sizes.target == "size" and len(sizes.args) == 1
    by_attribute = sizes.target is getattr and sizes.args[1] == "shape"
    return sizes.args[0] if by_method or by_attribute else None


def _listing(names: dict[str, nn.Module], most: int = 40) -> str:
    listed = [name for name in names if name]
    return ", ".join(listed[:most]) + (f", … ({len(listed)} in all)" if len(listed) > most else "")
