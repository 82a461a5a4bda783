"""LLVM's intermediate code, written with loops, vectors and numbers that may be known to be zero."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from llvmlite import ir

I64, FLOAT = ir.IntType(64), ir.FloatType()
POINTER = ir.PointerType()
_FLAGS = ("nsz", "arcp", "contract")  # a product and a sum may become one operation

Number: TypeAlias = ir.Value | None  # `None` is zero


@dataclass(frozen=True)
class Complex:
    """Vectors of real and imaginary components; a component that is `None` is zero."""

    re: Number
    im: Number


ZERO = Complex(None, None)


class Emitter:
    """Appends to a function.

    Args:
        builder: at the place where to go on.
        lanes: floats of a vector.
    """

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.vector = ir.VectorType(FLOAT, lanes)

    # Integers and memory

    def integer(self, value: int) -> ir.Constant:
        """A constant of 64 bits."""
        return ir.Constant(I64, value)

    def sum(self, *terms: ir.Value | int) -> ir.Value:
        """Of integers."""
        total, *others = [self._integer(term) for term in terms]
        for term in others:
            total = self.builder.add(total, term)
        return total

    def times(self, one: ir.Value | int, other: ir.Value | int) -> ir.Value:
        """Of integers."""
        return self.builder.mul(self._integer(one), self._integer(other))

    def modulo(self, value: ir.Value, period: int) -> ir.Value:
        """From 0 to period - 1, of an integer of either sign."""
        rest = self.builder.srem(value, self.integer(period))
        negative = self.builder.icmp_signed("<", rest, self.integer(0))
        return self.builder.select(negative, self.sum(rest, period), rest)

    def _integer(self, value: ir.Value | int) -> ir.Value:
        return self.integer(value) if isinstance(value, int) else value

    def at(self, pointer: ir.Value, offset: ir.Value | int) -> ir.Value:
        """The address of a float."""
        return self.builder.gep(pointer, [self._integer(offset)], source_etype=FLOAT)

    def word(self, pointer: ir.Value, index: ir.Value | int) -> ir.Value:
        """A 64-bit integer of an array."""
        return self.builder.load(self.builder.gep(pointer, [self._integer(index)], source_etype=I64), typ=I64)

    def pointer(self, arguments: ir.Value, index: int) -> ir.Value:
        """An address of an array."""
        return self.builder.inttoptr(self.word(arguments, index), POINTER)

    def load(self, pointer: ir.Value, offset: ir.Value | int = 0) -> ir.Value:
        """A vector from anywhere."""
        return self.builder.load(self.at(pointer, offset), align=4, typ=self.vector)

    def store(self, value: Number, pointer: ir.Value, offset: ir.Value | int = 0) -> None:
        """A vector to anywhere."""
        self.builder.store(self.zeros if value is None else value, self.at(pointer, offset), align=4)

    def stream(self, value: Number, pointer: ir.Value, offset: ir.Value | int = 0) -> None:
        """A vector past the cache, to a multiple of its own size: what is not read again soon is not read to be written either.

        Other threads may read it after an atomic operation of this one, such as the one with which each tile is taken.
        """
        stored = self.builder.store(self.zeros if value is None else value, self.at(pointer, offset), align=4 * self.lanes)
        stored.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))

    def prefetch(self, pointer: ir.Value, offset: ir.Value | int = 0) -> None:
        """Has a line of memory, if there is any, brought into the second level of the cache while something else is computed."""
        module, name, number = self.builder.module, "llvm.prefetch.p0", ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [POINTER, number, number, number])
        known = module.globals.get(name) or ir.Function(module, kind, name)
        read, level, data = (ir.Constant(number, each) for each in (0, 2, 1))
        self.builder.call(known, [self.at(pointer, offset), read, level, data])

    def scratch(self, floats: int) -> ir.Value:
        """Memory of the function's own; called where it begins."""
        made = self.builder.alloca(ir.ArrayType(FLOAT, floats))
        made.align = 64
        return self.builder.inttoptr(self.builder.ptrtoint(made, I64), POINTER)

    def variable(self) -> ir.Value:
        """A vector that changes, held in a register; called where the function begins."""
        return self.builder.alloca(self.vector)

    @property
    def zeros(self) -> ir.Constant:
        """A vector of zeros."""
        return self.constant(0.0)

    def constant(self, value: float) -> ir.Constant:
        """A vector of one number."""
        return ir.Constant(self.vector, [ir.Constant(FLOAT, value)] * self.lanes)

    def splat(self, value: ir.Value) -> ir.Value:
        """A vector of one float."""
        first = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, ir.Constant(self.vector, ir.Undefined), mask)

    # Control

    @contextmanager
    def loop(self, start: ir.Value | int, stop: ir.Value | int) -> Iterator[ir.Value]:
        """From start until before stop, in steps of one."""
        builder = self.builder
        begin, end = self._integer(start), self._integer(stop)
        before = builder.block
        head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(I64)
        index.add_incoming(begin, before)
        builder.cbranch(builder.icmp_signed("<", index, end), body, after)
        builder.position_at_end(body)
        yield index
        index.add_incoming(builder.add(index, self.integer(1)), builder.block)
        builder.branch(head)
        builder.position_at_end(after)

    # Vectors

    def add(self, one: Number, other: Number) -> Number:
        """Lane by lane."""
        if one is None or other is None:
            return other if one is None else one
        return self.builder.fadd(one, other, flags=_FLAGS)

    def subtract(self, one: Number, other: Number) -> Number:
        """Lane by lane."""
        if other is None:
            return one
        return self.negative(other) if one is None else self.builder.fsub(one, other, flags=_FLAGS)

    def negative(self, value: Number) -> Number:
        """Lane by lane."""
        return None if value is None else self.builder.fneg(value, flags=_FLAGS)

    def product(self, one: Number, other: Number) -> Number:
        """Lane by lane."""
        return None if one is None or other is None else self.builder.fmul(one, other, flags=_FLAGS)

    def scaled(self, value: Number, factor: float) -> Number:
        """A vector times a constant."""
        if value is None or factor == 0:
            return None
        if factor in (1, -1):
            return value if factor == 1 else self.negative(value)
        return self.builder.fmul(value, self.constant(factor), flags=_FLAGS)

    def multiplied_added(self, one: ir.Value, other: ir.Value, to: ir.Value) -> ir.Value:
        """one · other + to, rounded once."""
        module, name = self.builder.module, f"llvm.fma.v{self.lanes}f32"
        known = module.globals.get(name) or ir.Function(module, ir.FunctionType(self.vector, [self.vector] * 3), name)
        return self.builder.call(known, [one, other, to])

    # Complex vectors

    def plus(self, one: Complex, other: Complex) -> Complex:
        """one + other."""
        return Complex(self.add(one.re, other.re), self.add(one.im, other.im))

    def minus(self, one: Complex, other: Complex) -> Complex:
        """one - other."""
        return Complex(self.subtract(one.re, other.re), self.subtract(one.im, other.im))

    def turned(self, value: Complex, quarters: int) -> Complex:
        """Times i, so many times."""
        for _ in range(quarters % 4):
            value = Complex(self.negative(value.im), value.re)
        return value

    def times_constant(self, value: Complex, factor: complex | float) -> Complex:
        """Times a constant."""
        re, im = factor.real, factor.imag
        return Complex(
            self.subtract(self.scaled(value.re, re), self.scaled(value.im, im)),
            self.add(self.scaled(value.im, re), self.scaled(value.re, im)),
        )

    def conjugate(self, value: Complex) -> Complex:
        """With the other sign of the imaginary component."""
        return Complex(value.re, self.negative(value.im))

    def load_complex(self, pointer: ir.Value, offset: ir.Value | int = 0) -> Complex:
        """Two vectors side by side."""
        place = self.at(pointer, offset)
        return Complex(self.load(place), self.load(place, self.lanes))

    def store_complex(self, value: Complex, pointer: ir.Value, offset: ir.Value | int = 0) -> None:
        """Two vectors side by side."""
        place = self.at(pointer, offset)
        self.store(value.re, place)
        self.store(value.im, place, self.lanes)


def function(module: ir.Module, name: str, arguments: Sequence[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
    """A function without a result, and a builder at its beginning."""
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    return made, ir.IRBuilder(made.append_basic_block("entry"))
