"""Real matrices that transform the two axes of a map, and back; every one is float64 and may have any period.

The first axis goes from real to complex and keeps the frequencies u = 0..N/2, the others being their conjugates. The second goes
from complex to the three real numbers per frequency that a complex product takes (Karatsuba): with z = x + iy and k = a + ib,

    z·k = (m₁ - m₃) + i(m₁ + m₂)    of    m₁ = a(x + y),  m₂ = (b - a)x,  m₃ = (a + b)y

The adjoint multiplies by the conjugate k̄ = a - ib, with the same numbers of the kernel and x and y exchanged:

    z·k̄ = (m₁ + m₂) + i(m₁ - m₃)    of    m₁ = a(x + y),  m₂ = (b - a)y,  m₃ = (a + b)x
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

PARTS = 3  # real products per complex one

# Which of m₁, m₂, m₃ make the real and the imaginary part, and with what sign: forward, adjoint.
_REAL = ((1, 0, -1), (1, 1, 0))
_IMAGINARY = ((1, 1, 0), (1, 0, -1))


def half(period: int) -> int:
    """How many frequencies of the first axis are kept."""
    return period // 2 + 1


def first(period: int, positions: Sequence[int]) -> Tensor:
    """Real to complex: ((u, re|im), position)."""
    angle = _angles(range(half(period)), positions, period)
    return torch.stack([angle.cos(), -angle.sin()], 1).flatten(0, 1)


def second(period: int, positions: Sequence[int], adjoint: bool) -> Tensor:
    """Complex to the factors (x + y, x, y), or (x + y, y, x) for the adjoint: ((v, part), (re|im, position))."""
    x, y = _complex(period, positions)
    return torch.stack([x + y, y, x] if adjoint else [x + y, x, y], 1).flatten(2).flatten(0, 1)


def second_of_kernel(period: int, positions: Sequence[int]) -> Tensor:
    """Complex to a kernel's factors (a, b - a, a + b): ((v, part), (re|im, position))."""
    a, b = _complex(period, positions)
    return torch.stack([a, b - a, a + b], 1).flatten(2).flatten(0, 1)


def second_inverse(period: int, positions: Sequence[int], adjoint: bool) -> Tensor:
    """The products (m₁, m₂, m₃) to complex, times the period: ((re|im, position), (v, part))."""
    angle = _angles(positions, range(period), period)
    cosine, sine = angle.cos(), angle.sin()
    signs = list(zip(_REAL[adjoint], _IMAGINARY[adjoint], strict=True))
    re = torch.stack([real * cosine - imaginary * sine for real, imaginary in signs], 2)
    im = torch.stack([real * sine + imaginary * cosine for real, imaginary in signs], 2)
    return torch.stack([re, im]).flatten(2).flatten(0, 1)


def first_inverse(period: int, positions: Sequence[int]) -> Tensor:
    """Complex to real, times the period: (position, (u, re|im))."""
    angle = _angles(positions, range(half(period)), period)
    stands_for = torch.full((half(period),), 2.0, dtype=torch.float64)  # itself and its conjugate
    stands_for[0] = 1
    if period % 2 == 0:
        stands_for[-1] = 1
    return torch.stack([stands_for * angle.cos(), -stands_for * angle.sin()], 2).flatten(1)


def constant(adjoint: bool) -> tuple[tuple[int, int], ...]:
    """(part, sign): the products to which a constant is added at u = v = 0 so that every output gains it."""
    return ((0, 1), (2, 1)) if adjoint else ((0, 1), (1, -1))


def _complex(period: int, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Real and imaginary part at every v, from the real and the imaginary part at every position: (v, re|im, position) each."""
    angle = _angles(range(period), positions, period)
    return torch.stack([angle.cos(), angle.sin()], 1), torch.stack([-angle.sin(), angle.cos()], 1)


def _angles(rows: Sequence[int], columns: Sequence[int], period: int) -> Tensor:
    products = torch.outer(torch.tensor(list(rows), dtype=torch.int64), torch.tensor(list(columns), dtype=torch.int64))
    return (products % period).double() * (2 * math.pi / period)
