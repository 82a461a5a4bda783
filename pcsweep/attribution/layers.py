"""Which modules of a head an attribution can be taken at: those that run and return one map with its channels first."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from pcsweep.network.layout import check_channels_first, is_first_by_size, shaped, sizes

_MAP = 4  # dimensions
_NAMED = 40  # modules in a message


class _UpTo(nn.Module):
    """From a representation to what one module of the head returns; of several runs, the last."""

    def __init__(self, head: nn.Module, layer: str) -> None:
        super().__init__()
        self.head, self.layer = head, layer

    def forward(self, representation: Tensor) -> Any:
        returned = outputs(self.head, [self.layer], lambda: self.head(representation))
        if self.layer not in returned:
            raise ValueError(f"{self.layer!r} is a part of the network that is never run as a whole")
        return returned[self.layer]


def outputs(head: nn.Module, layers: list[str], run: Callable[[], Any]) -> dict[str, Any]:
    """What each of these modules of a head that runs returns meanwhile; no hook is left."""
    returned: dict[str, Any] = {}

    def noting(layer: str) -> Any:
        return lambda _module, _given, output: returned.update({layer: output})

    hooks = [head.get_submodule(layer).register_forward_hook(noting(layer)) for layer in layers]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return returned


@lru_cache(maxsize=8)
def check_layer(head: nn.Module, layer: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> None:
    """Unless an attribution can be taken at that module.

    Args:
        head: from the last representation to logits.
        layer: name of a module of it.
        shape: of one representation, (channels, height, width), with its type and place.

    Raises:
        ValueError: there is none of that name, it does not run as a whole, or what it returns is no map with channels first; the
            message names those where it can be taken.
    """
    given = torch.zeros(1, *shape, dtype=dtype, device=device)
    names = [name for name, _ in head.named_modules() if name]
    problem = None if layer not in names else _problem(head, layer, given)
    if layer in names and problem is None:
        return
    valid = _valid(head, shape, dtype, device)
    listed = ", ".join(valid[-_NAMED:]) + (f" and {len(valid) - _NAMED} below them" if len(valid) > _NAMED else "")
    if problem is None:
        raise ValueError(
            f"Expected `layer` to be null, all or one of the head's modules ({listed or 'none'}), but got {layer!r}."
        )
    inside = [name for name in valid if name.startswith(f"{layer}.")]
    hint = f" The last inside it is {inside[-1]}." if inside else ""
    raise ValueError(
        f"Expected `layer` to have an output of channels, height and width, but {layer!r} has not: {problem}. "
        f"Valid ones: null, {listed or 'no other'}.{hint}"
    )


@lru_cache(maxsize=1)
def _valid(head: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> list[str]:
    """The modules where an attribution can be taken."""
    given = torch.zeros(1, *shape, dtype=dtype, device=device)
    names = [name for name, _ in head.named_modules() if name]
    maps = [name for name, output in _returned(head, given, names).items() if _shape_problem(output) is None]
    by_size = _by_size(head, given, maps)
    told = {name: by_size[name] if by_size.get(name) is not None else _problem(head, name, given) is None for name in maps}
    return [name for name in names if told.get(name)]


def _by_size(head: nn.Module, given: Tensor, layers: list[str]) -> dict[str, bool | None]:
    """Whether each layer's channels come first, all at once, as far as representations of other sizes say it."""
    try:
        plain, tall, wide = (
            {name: output.shape for name, output in outputs(head, layers, partial(shaped, head, passing)).items()}
            for passing in sizes(given, [head])
        )
    except Exception:  # a head may insist on one size in any way
        return {}
    return {name: is_first_by_size(plain[name], tall[name], wide[name]) for name in plain}


def _returned(head: nn.Module, given: Tensor, names: list[str]) -> dict[str, Any]:
    with torch.no_grad():
        return outputs(head, names, partial(head, given))


def _problem(head: nn.Module, layer: str, given: Tensor) -> str | None:
    """Why an attribution cannot be taken there; `None` where it can."""
    returned = _returned(head, given, [layer])
    if layer not in returned:
        return "it is a group of modules that does not run by itself"
    if problem := _shape_problem(returned[layer]):
        return problem
    try:
        check_channels_first([_UpTo(head, layer)], [repr(layer)], given)
    except ValueError:
        return f"it returns {tuple(returned[layer].shape)}, and its channels do not come first"
    return None


def _shape_problem(output: Any) -> str | None:
    if not isinstance(output, Tensor):
        return f"it returns a {type(output).__name__}"
    return None if output.ndim == _MAP else f"it returns {tuple(output.shape)}"
