"""Networks as predify builds them: its attribute names, its hooks. With predify installed they also run."""

from collections.abc import Sequence

from torch import nn


def hook_on(network: nn.Module, modules: Sequence[str]) -> None:
    """Registers the hooks that predify's generated classes register, on `network.backbone`."""
    count = len(modules)
    for n, module in enumerate(modules, start=1):
        network.backbone.get_submodule(module).register_forward_hook(_hook(network, n, count))


def _hook(network: nn.Module, n: int, count: int):
    def hook(module, inputs, output):
        above = getattr(network, f"pcoder{n + 1}").prd if n < count else None
        below = getattr(network, f"pcoder{n - 1}").rep if n > 1 else network.input_mem
        weights = {name: getattr(network, f"{name}{n}") for name in ("ffm", "fbm", "erm")}
        return getattr(network, f"pcoder{n}")(ff=output, fb=above, target=below, build_graph=False, **weights)[0]

    hook.__name__ = f"fw_hook{n}"
    return hook
