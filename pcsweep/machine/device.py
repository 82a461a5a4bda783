"""Where tensors are computed: what the setting `device` means on this machine."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator

from pcsweep.config.errors import BadSetting

Precision = Literal["fp32", "tf32", "bf16"]


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError("auto, cpu, cuda or cuda:N")
    return name


Device = Annotated[str, AfterValidator(_device)]


def device_of(name: str) -> torch.device:
    """The device that `auto`, `cpu`, `cuda` or `cuda:N` means here."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def device_name(name: str) -> str:
    """`cpu`, or what the GPU calls itself, such as `NVIDIA A100-SXM4-40GB`."""
    device = device_of(name)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def check_device(device: str, precision: Precision) -> None:
    """Refuses a device that is not here, or a precision that it does not have.

    Raises:
        BadSetting: with what there is.
    """
    if device.startswith("cuda"):
        there = torch.cuda.device_count()
        number = int(device.partition(":")[2] or 0)
        if number >= there:
            raise BadSetting(
                f"Expected `device` to be auto or cpu, or one of this machine's {there} CUDA devices, but got {device!r}."
            )
    elif precision == "tf32" and device_of(device).type != "cuda":
        raise BadSetting("Expected `precision` to be fp32 or bf16 on a CPU, but got 'tf32'.")


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which matrix products and convolutions have that precision; restores what was set before."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=precision == "tf32")
