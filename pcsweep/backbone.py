"""Cutting a backbone into the stages between its pcoders.

A stage is the part of the network's dataflow graph between two named modules. Stages run on *twins* of the backbone's
layers: same parameter tensors, but a mode of their own (evaluation) and no in-place operations, so that neither the backbone
nor a stage's input is ever changed.
"""

import copy
import operator
from collections.abc import Sequence
from typing import Any

from torch import fx, nn

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


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
    _make_out_of_place(graph)
    start, *others = graph.find_nodes(op="placeholder")
    if any(node.users for node in others):
        raise ValueError(f"Expected a backbone of one input, but {type(backbone).__name__} has {len(others) + 1}.")
    (output,) = graph.find_nodes(op="output")
    ends = [tracer.output_of(name) for name in modules]
    borders = [(start, "the image"), *((end, f"module {name!r}") for end, name in zip(ends, modules, strict=True))]
    targets = [*((end, f"module {name!r}") for end, name in zip(ends, modules, strict=True)), (output.args[0], "the output")]
    return [_stage(twin, graph, source, target) for source, target in zip(borders, targets, strict=True)]


def _twin(module: nn.Module) -> nn.Module:
    """A copy of the module tree that shares its parameters and buffers; only flags are its own."""
    twin = copy.copy(module)
    twin._modules = {name: child if child is None else _twin(child) for name, child in module._modules.items()}
    if getattr(twin, "inplace", None) is True:
        twin.inplace = False  # type: ignore[assignment]
    return twin


class _ModuleOutputTracer(fx.Tracer):
    """Notes the graph node that each module returns, containers included."""

    def __init__(self) -> None:
        super().__init__()
        self.module_outputs: dict[str, list[Any]] = {}

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        self.module_outputs.setdefault(self.path_of_module(m), []).append(output)
        return output

    def output_of(self, name: str) -> fx.Node:
        outputs = self.module_outputs.get(name, [])
        if len(outputs) != 1:
            raise ValueError(f"Cannot cut at {name!r}: it runs {len(outputs)} times in one pass, but must run once.")
        if not isinstance(outputs[0], fx.Proxy):
            raise ValueError(f"Cannot cut at {name!r}: it returns a {type(outputs[0]).__name__}, but must return one tensor.")
        return outputs[0].node


def _make_out_of_place(graph: fx.Graph) -> None:
    for node in graph.nodes:
        if node.op == "call_function" and node.target in _OUT_OF_PLACE:
            node.target = _OUT_OF_PLACE[node.target]
        elif node.op == "call_function" and node.kwargs.get("inplace"):
            node.update_kwarg("inplace", False)
        elif node.op == "call_method" and node.target.endswith("_") and not node.target.endswith("__"):
            node.target = node.target.removesuffix("_")


def _stage(root: nn.Module, graph: fx.Graph, source: tuple[fx.Node, str], target: tuple[Any, str]) -> fx.GraphModule:
    """The nodes between `source` (exclusive) and `target` (inclusive) as a module of one input."""
    (source_node, source_label), (target_node, target_label) = source, target
    if not isinstance(target_node, fx.Node):
        raise ValueError(f"Expected a backbone that returns one tensor (logits), but it returns a {type(target_node).__name__}.")
    needed = _ancestors(target_node, source_node)
    if source_node not in needed:
        raise ValueError(f"Cannot cut at {source_label}: {target_label} does not depend on it. List pcoders bottom-up.")
    past = [node for node in needed if node.op == "placeholder" and node is not source_node]
    if past:
        raise ValueError(
            f"Cannot cut at {source_label}: {target_label} also depends on what comes before it (a skip connection past the cut)."
        )
    stage, copies = fx.Graph(), {}
    for node in graph.nodes:
        if node is source_node:
            copies[node] = stage.placeholder("representation")
        elif node in needed:
            copies[node] = stage.node_copy(node, copies.__getitem__)
    stage.output(copies[target_node])
    return fx.GraphModule(root, stage, class_name=f"{type(root).__name__}Stage")


def _ancestors(node: fx.Node, stop: fx.Node) -> set[fx.Node]:
    found, todo = {node}, [node]
    while todo:
        current = todo.pop()
        if current is stop:
            continue
        fresh = [parent for parent in current.all_input_nodes if parent not in found]
        found.update(fresh)
        todo.extend(fresh)
    return found


def _listing(names: dict[str, nn.Module], most: int = 40) -> str:
    listed = [name for name in names if name]
    return ", ".join(listed[:most]) + (f", … ({len(listed)} in all)" if len(listed) > most else "")
