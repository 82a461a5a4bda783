"""Discrete Fourier transforms of complex vectors held in registers: mixed radix, and pairs of real ones as one complex one."""

import cmath
import functools
import math
from collections.abc import Sequence

from llvmlite import ir

from pcsweep.network.convolution.native.emit import FLOAT, ZERO, Complex, Emitter, Number

RADICES = (4, 2, 3, 5, 7, 11, 13, 17)
_ANY = ir.Constant(FLOAT, 1.0)  # some number


def transformed(emit: Emitter, values: Sequence[Complex], sign: int) -> list[Complex]:
    """Σ_n x[n] exp(sign · 2πi kn / N) at k = 0..N-1, for N whose prime factors are among `RADICES`.

    Decimation in time: N = p · m splits into p transforms of every p-th value, whose k-th results are turned and combined.
    """
    total = len(values)
    if total == 1 or all(value == ZERO for value in values):
        return list(values)
    radix = next(each for each in RADICES if total % each == 0)
    parts = [transformed(emit, values[first::radix], sign) for first in range(radix)]
    size = total // radix
    found = [ZERO] * total
    for k in range(size):
        twiddled = [_turned(emit, part[k], sign * number * k, total) for number, part in enumerate(parts)]
        found[k::size] = _butterfly(emit, twiddled, sign)
    return found


def multiplications(period: int) -> int:
    """Of real numbers, in a transform of complex ones."""
    counting = _Counting()
    transformed(counting, [Complex(_ANY, _ANY)] * period, 1)
    return counting.found


class _Counting(Emitter):
    """Writes nothing, and counts products."""

    def __init__(self) -> None:
        self.found = 0

    def add(self, one: Number, other: Number) -> Number:
        return one or other

    def subtract(self, one: Number, other: Number) -> Number:
        return one or other

    def negative(self, value: Number) -> Number:
        return value

    def scaled(self, value: Number, factor: float) -> Number:
        if value is None or factor == 0:
            return None
        self.found += factor not in (1, -1)
        return value


def _turned(emit: Emitter, value: Complex, turns: int, total: int) -> Complex:
    """Times exp(2πi turns / total)."""
    turns %= total
    if 4 * turns % total == 0:
        return emit.turned(value, 4 * turns // total)
    return emit.times_constant(value, cmath.exp(2j * math.pi * turns / total))


def _butterfly(emit: Emitter, x: Sequence[Complex], sign: int) -> list[Complex]:
    """The transform of as many values as a radix."""
    if len(x) == 4:
        return _four(emit, x, sign)
    return _two(emit, x) if len(x) == 2 else _odd(emit, x, sign)


def _two(emit: Emitter, x: Sequence[Complex]) -> list[Complex]:
    return [emit.plus(x[0], x[1]), emit.minus(x[0], x[1])]


def _four(emit: Emitter, x: Sequence[Complex], sign: int) -> list[Complex]:
    even, odd = _two(emit, (x[0], x[2])), _two(emit, (x[1], x[3]))
    aside = emit.turned(odd[1], sign)
    return [emit.plus(even[0], odd[0]), emit.plus(even[1], aside), emit.minus(even[0], odd[0]), emit.minus(even[1], aside)]


def _odd(emit: Emitter, x: Sequence[Complex], sign: int) -> list[Complex]:
    """For an odd prime: sums and differences of the values that lie opposite each other, by cosines and by sines."""
    total, half = len(x), range(1, len(x) // 2 + 1)
    both = [emit.plus(x[n], x[total - n]) for n in half]
    apart = [emit.minus(x[n], x[total - n]) for n in half]
    found = [ZERO] * total
    found[0] = functools.reduce(emit.plus, both, x[0])
    for k in half:
        angles = [2 * math.pi * (k * n % total) / total for n in half]
        even = [emit.times_constant(each, math.cos(angle)) for each, angle in zip(both, angles, strict=True)]
        odd = [emit.times_constant(each, math.sin(angle)) for each, angle in zip(apart, angles, strict=True)]
        middle, aside = functools.reduce(emit.plus, even, x[0]), emit.turned(functools.reduce(emit.plus, odd), sign)
        found[k], found[total - k] = emit.plus(middle, aside), emit.minus(middle, aside)
    return found


def separated(emit: Emitter, both: Sequence[Complex]) -> tuple[list[Complex], list[Complex]]:
    """From the transform of a + i b, for real a and b of even length, those of a and b at k = 0..N/2.

    Twice as large, except at k = 0 and N/2, where they are real.
    """
    total = len(both)
    one, other = [], []
    for k in range(total // 2 + 1):
        value = both[k]
        if k in (0, total // 2):
            one.append(Complex(value.re, None))
            other.append(Complex(value.im, None))
            continue
        mirrored = emit.conjugate(both[total - k])
        one.append(emit.plus(value, mirrored))
        other.append(emit.turned(emit.minus(value, mirrored), 3))
    return one, other


def joined(emit: Emitter, one: Sequence[Complex], other: Sequence[Complex]) -> list[Complex]:
    """From the spectra of real a and b at k = 0..N/2, for even N, that of a + i b.

    At 0 and N/2, where they are real, imaginary components are left out.
    """
    half = len(one) - 1
    found = [ZERO] * (2 * half)
    for k in range(half + 1):
        if k in (0, half):
            found[k] = Complex(one[k].re, other[k].re)
            continue
        found[k] = emit.plus(one[k], emit.turned(other[k], 1))
        found[2 * half - k] = emit.plus(emit.conjugate(one[k]), emit.turned(emit.conjugate(other[k]), 1))
    return found
