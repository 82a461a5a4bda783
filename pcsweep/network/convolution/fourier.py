"""Real matrices that transform a tile along its height and its width, and back; float64, of any period.

Along the height a tile goes from real to complex and keeps the frequencies u = 0..N/2, the others being their conjugates. Along
the width it goes from complex to the three real *parts* per frequency v that a complex product takes (Karatsuba): with z = x + iy
of the map and k = a + ib of the kernel,

    z·k = (m₁ - m₃) + i(m₁ + m₂)    of    m₁ = a(x + y),  m₂ = (b - a)x,  m₃ = (a + b)y

The adjoint multiplies by the conjugate k̄ = a - ib, with the same numbers of the kernel and x and y exchanged:

    z·k̄ = (m₁ + m₂) + i(m₁ - m₃)    of    m₁ = a(x + y),  m₂ = (b - a)y,  m₃ = (a + b)x

In shapes, re|im is an axis of two, the real and the imaginary component, and part one of three.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

PARTS = 3  # real products per complex one

# Which of m₁, m₂, m₃ make the real and the imaginary component, and with what sign: forward, adjoint.
_REAL = ((1, 0, -1), (1, 1, 0))
_IMAGINARY = ((1, 1, 0), (1, 0, -1))


def kept(period: int) -> int:
    """How many frequencies u are kept along the height."""
    return period // 2 + 1


def along_height(period: int, positions: Sequence[int]) -> Tensor:
    """Real to complex: ((u, re|im), position)."""
    angle = _angles(range(kept(period)), positions, period)
    return torch.stack([angle.cos(), -angle.sin()], 1).flatten(0, 1)


def along_width(period: int, positions: Sequence[int], adjoint: bool) -> Tensor:
    """Complex to a map's parts (x + y, x, y), or (x + y, y, x) for the adjoint: ((v, part), (re|im, position))."""
    x, y = _components(period, positions)
    return torch.stack([x + y, y, x] if adjoint else [x + y, x, y], 1).flatten(2).flatten(0, 1)


def along_width_of_kernel(period: int, positions: Sequence[int]) -> Tensor:
    """Complex to a kernel's parts (a, b - a, a + b): ((v, part), (re|im, position))."""
    a, b = _components(period, positions)
    return torch.stack([a, b - a, a + b], 1).flatten(2).flatten(0, 1)


def back_along_width(period: int, positions: Sequence[int], adjoint: bool) -> Tensor:
    """The products (m₁, m₂, m₃) to complex, times the period: ((re|im, position), (v, part))."""
    angle = _angles(positions, range(period), period)
    cosine, sine = angle.cos(), angle.sin()  # (position, v)
    signs = list(zip(_REAL[adjoint], _IMAGINARY[adjoint], strict=True))
    re = torch.stack([real * cosine - imaginary * sine for real, imaginary in signs], 2)  # (position, v, part)
    im = torch.stack([real * sine + imaginary * cosine for real, imaginary in signs], 2)
    return torch.stack([re, im]).flatten(2).flatten(0, 1)


def back_along_height(period: int, positions: Sequence[int]) -> Tensor:
    """Complex to real, times the period: (position, (u, re|im))."""
    angle = _angles(positions, range(kept(period)), period)
    multiplicity = torch.full((kept(period),), 2.0, dtype=torch.float64)  # a frequency and its conjugate
    multiplicity[0] = 1
    if period % 2 == 0:
        multiplicity[-1] = 1
    return torch.stack([multiplicity * angle.cos(), -multiplicity * angle.sin()], 2).flatten(1)


def parts_of_a_constant(adjoint: bool) -> tuple[tuple[int, int], ...]:
    """(part, sign): the products at u = v = 0 to which a constant is added so that every output gains it."""
    return ((0, 1), (2, 1)) if adjoint else ((0, 1), (1, -1))


def _components(period: int, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The real and the imaginary component at every v of complex values at the positions: (v, re|im, position) each."""
    angle = _angles(range(period), positions, period)
    return torch.stack([angle.cos(), angle.sin()], 1), torch.stack([-angle.sin(), angle.cos()], 1)


def _angles(rows: Sequence[int], columns: Sequence[int], period: int) -> Tensor:
    """2π · row · column / period, reduced by whole turns before it is rounded."""
    products = torch.outer(torch.tensor(list(rows), dtype=torch.int64), torch.tensor(list(columns), dtype=torch.int64))
    return (products % period).double() * (2 * math.pi / period)
