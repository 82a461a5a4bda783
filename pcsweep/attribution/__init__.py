"""Attribution methods: one file each, a function from (head, representation, target) to a map per image."""

from pcsweep.attribution.grad_cam import grad_cam

__all__ = ["grad_cam"]
