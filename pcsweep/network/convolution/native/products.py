"""The function that multiplies the spectra of all tiles with the kernel's at one frequency.

Of a panel of outputs, two vectors wide, what three real products need of the kernel is laid out in the cache, and all rows are
multiplied with it, eight at a time; meanwhile the kernel of the next panel is on its way from memory. How a row is computed does
not depend on how many there are.
"""

from collections.abc import Sequence
from enum import IntEnum, auto

from llvmlite import ir

from pcsweep.network.convolution.native.emit import FLOAT, I64, POINTER, Emitter, function

WIDE = 2  # vectors of a panel
DEEP = 512  # input channels whose part of a panel is in the cache at a time


class Product(IntEnum):
    """What `product` gets, in an array of 64-bit words."""

    KERNEL = 0  # address of the kernel: [frequency][re, im][panel of below][above][channel of the panel]
    SPECTRA = auto()  # address: [frequency][row][x + y, x, y][input channel]
    PRODUCTS = auto()  # address of the result: [frequency][row][re, im][output channel]
    ROWS = auto()  # a multiple of the rows of a tile of registers
    INPUTS = auto()  # channels
    OUTPUTS = auto()  # channels


def product(module: ir.Module, name: str, lanes: int, rows: int, conjugated: bool, streamed: bool = False) -> None:
    """Defines `name(words, number)`, which multiplies at the frequency of that number.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        rows: of a tile of registers.
        conjugated: whether the kernel is conjugated and transposed: from below to above, in place of from above to below.
        streamed: whether products that are complete are written past the cache.
    """
    tile = _register_tile(module, f"{name} tile", lanes, rows)
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    wide = WIDE * lanes
    panel = emit.scratch(3 * DEEP * wide)  # (a, b - a, a + b) of (input channel, output channel of the panel)
    all_rows, inputs, outputs = (emit.word(words, each) for each in (Product.ROWS, Product.INPUTS, Product.OUTPUTS))
    plane = emit.times(inputs, outputs)
    kernel = emit.at(emit.pointer(words, Product.KERNEL), emit.times(number, emit.times(plane, 2)))
    per_row, per_product = emit.times(inputs, 3), emit.times(outputs, 2)
    spectra = emit.at(emit.pointer(words, Product.SPECTRA), emit.times(number, emit.times(all_rows, per_row)))
    products = emit.at(emit.pointer(words, Product.PRODUCTS), emit.times(number, emit.times(all_rows, per_product)))
    chunks = builder.sdiv(emit.sum(inputs, DEEP - 1), emit.integer(DEEP))
    is_only = builder.icmp_signed("==", chunks, emit.integer(1)) if streamed else None
    with emit.loop(0, builder.sdiv(outputs, emit.integer(wide))) as column, emit.loop(0, chunks) as chunk:
        first = emit.times(chunk, DEEP)
        left = emit.sum(inputs, emit.times(first, -1))
        deep = builder.select(builder.icmp_signed("<", left, emit.integer(DEEP)), left, emit.integer(DEEP))
        part = emit.times(deep, wide)  # floats of one of the three in the panel
        lay_out = _laid_out_conjugated if conjugated else _laid_out
        following, step = lay_out(emit, kernel, plane, panel, (column, outputs), (first, deep, inputs))
        is_first = builder.icmp_signed("==", chunk, emit.integer(0))
        with emit.loop(0, builder.sdiv(all_rows, emit.integer(rows))) as group:
            row = emit.times(group, rows)
            given = emit.at(spectra, emit.sum(emit.times(row, per_row), first))
            to = emit.at(products, emit.sum(emit.times(row, per_product), emit.times(column, wide)))
            sources = [emit.at(given, emit.times(inputs, each)) for each in range(3)]  # x + y, x, y
            # While the first rows are multiplied, the next panel's kernel is brought near; with others, what is near already.
            is_first_group = builder.icmp_signed("==", group, emit.integer(0))
            ahead = [builder.select(is_first_group, emit.at(following, shift), panel) for shift in (0, plane)]
            jump = builder.select(is_first_group, step, emit.integer(wide))
            second, third = (2, 1) if conjugated else (1, 2)
            m1 = builder.call(tile, [sources[0], per_row, panel, deep, ahead[0], jump])
            m2 = builder.call(tile, [sources[second], per_row, emit.at(panel, part), deep, ahead[1], jump])
            m3 = builder.call(
                tile, [sources[third], per_row, emit.at(panel, emit.times(part, 2)), deep, panel, emit.integer(wide)]
            )
            for index in range(rows * WIDE):
                at = emit.at(to, emit.sum(emit.times(per_product, index // WIDE), (index % WIDE) * lanes))
                one, two, three = (builder.extract_value(each, index) for each in (m1, m2, m3))
                for place, positive in ((0, conjugated), (outputs, not conjugated)):
                    value = builder.fadd(one, two) if positive else builder.fsub(one, three)
                    _add_up(emit, value, emit.at(at, place), is_first, is_only)
    builder.ret_void()


def _add_up(emit: Emitter, value: ir.Value, to: ir.Value, is_first: ir.Value, is_only: ir.Value | None) -> None:
    """Adds the product of some channels to that of the ones before.

    Args:
        emit: at the place where to go on.
        value: the product.
        to: address of the sum.
        is_first: whether there are no channels before.
        is_only: whether there are none after either, so that it is written past the cache; `None` where it never is.
    """
    builder = emit.builder

    def add() -> None:
        before = builder.select(is_first, emit.zeros, emit.load(to))
        emit.store(builder.fadd(before, value), to)

    if is_only is None:
        add()
        return
    with builder.if_else(is_only) as (then, otherwise):
        with then:
            emit.stream(builder.fadd(emit.zeros, value), to)
        with otherwise:
            add()


def _register_tile(module: ir.Module, name: str, lanes: int, rows: int) -> ir.Function:
    """Defines (spectra, floats from a row to the next, panel, inputs, …) → the products of some rows and the outputs of a panel.

    The last two are what is brought near meanwhile: an address, where vectors lie as in a panel, and of how many inputs there the
    vectors begin after those of every `WIDE * lanes` ones.
    """
    vector = ir.VectorType(FLOAT, lanes)
    result = ir.LiteralStructType([vector] * (rows * WIDE))
    made = ir.Function(module, ir.FunctionType(result, [POINTER, I64, POINTER, I64, POINTER, I64]), name)
    made.linkage = "internal"
    made.attributes.add("alwaysinline")
    builder = ir.IRBuilder(made.append_basic_block("entry"))
    emit = Emitter(builder, lanes)
    spectra, step, panel, inputs, ahead, jump = made.args
    sums = [emit.variable() for _ in range(rows * WIDE)]  # row by row
    for each in sums:
        builder.store(emit.zeros, each)
    with emit.loop(0, inputs) as index:
        at = emit.at(panel, emit.times(index, WIDE * lanes))
        weights = [emit.load(at, each * lanes) for each in range(WIDE)]
        square, within = (divide(index, emit.integer(WIDE * lanes)) for divide in (builder.sdiv, builder.srem))
        line = emit.sum(emit.times(square, emit.times(jump, WIDE * lanes)), emit.times(within, WIDE * lanes))
        for each in range(WIDE):
            emit.prefetch(ahead, emit.sum(line, each * lanes))
        for row in range(rows):
            value = emit.splat(builder.load(emit.at(spectra, emit.sum(emit.times(step, row), index)), typ=FLOAT))
            for weight, total in zip(weights, sums[row * WIDE : (row + 1) * WIDE], strict=True):
                builder.store(emit.multiplied_added(value, weight, builder.load(total)), total)
    found = ir.Constant(result, ir.Undefined)
    for number, total in enumerate(sums):
        found = builder.insert_value(found, builder.load(total), number)
    builder.ret(found)
    return made


_Following = tuple[ir.Value, ir.Value]  # address of the next panel's kernel, and `jump` there, as `_register_tile` has it
_Outputs = tuple[ir.Value, ir.Value]  # number of the panel, and how many channels there are
_Inputs = tuple[ir.Value, ir.Value, ir.Value]  # the first of some channels, how many, and how many there are


def _laid_out(emit: Emitter, kernel: ir.Value, plane: ir.Value, panel: ir.Value, above: _Outputs, below: _Inputs) -> _Following:
    """The panel from consecutive memory: a and b become a, b - a, a + b."""
    wide, (column, _), (first, deep, inputs) = WIDE * emit.lanes, above, below
    part = emit.times(deep, wide)
    source = emit.at(kernel, emit.times(wide, emit.sum(emit.times(column, inputs), first)))
    with emit.loop(0, emit.builder.sdiv(part, emit.integer(emit.lanes))) as index:
        at = emit.times(index, emit.lanes)
        a, b = emit.load(source, at), emit.load(source, emit.sum(at, plane))
        _write_parts(emit, a, b, panel, at, part)
    return emit.at(source, emit.times(wide, inputs)), emit.integer(wide)


def _write_parts(emit: Emitter, a: ir.Value, b: ir.Value, panel: ir.Value, at: ir.Value, part: ir.Value) -> None:
    builder = emit.builder
    for number, value in enumerate((a, builder.fsub(b, a), builder.fadd(a, b))):
        emit.store(value, panel, emit.sum(at, emit.times(part, number)))


def _laid_out_conjugated(
    emit: Emitter, kernel: ir.Value, plane: ir.Value, panel: ir.Value, above: _Outputs, below: _Inputs
) -> _Following:
    """The panel of some channels above, from the same memory, square by square transposed."""
    lanes, wide = emit.lanes, WIDE * emit.lanes
    (column, outputs), (first, deep, _) = above, below
    part = emit.times(deep, wide)
    first_panel = emit.builder.sdiv(first, emit.integer(wide))
    with emit.loop(0, emit.builder.sdiv(deep, emit.integer(wide))) as given:  # a panel of channels below
        panels = emit.times(emit.sum(first_panel, given), outputs)
        source = emit.at(kernel, emit.times(wide, emit.sum(panels, emit.times(column, wide))))
        for down in range(WIDE):
            for along in range(WIDE):
                corner = emit.at(source, down * lanes * wide + along * lanes)
                planes = [
                    transposed(emit, [emit.load(corner, emit.sum(row * wide, shift)) for row in range(lanes)])
                    for shift in (0, plane)
                ]
                for number, (a, b) in enumerate(zip(*planes, strict=True)):
                    row = emit.sum(emit.times(given, wide), along * lanes + number)
                    _write_parts(emit, a, b, panel, emit.sum(emit.times(row, wide), down * lanes), part)
    next_column = emit.times(wide, emit.sum(column, 1))
    return emit.at(kernel, emit.times(wide, emit.sum(emit.times(first_panel, outputs), next_column))), outputs


def transposed(emit: Emitter, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """A square of vectors, transposed by exchanging ever larger blocks of lanes."""
    builder, lanes = emit.builder, emit.lanes
    index = ir.VectorType(ir.IntType(32), lanes)
    values, size = list(rows), 1
    while size < lanes:
        first = [lane if not lane & size else lane - size + lanes for lane in range(lanes)]
        second = [lane + size if not lane & size else lane + lanes for lane in range(lanes)]
        exchanged = list(values)
        for row in range(lanes):
            if not row & size:
                one, other = values[row], values[row + size]
                exchanged[row] = builder.shuffle_vector(one, other, ir.Constant(index, first))
                exchanged[row + size] = builder.shuffle_vector(one, other, ir.Constant(index, second))
        values, size = exchanged, 2 * size
    return values
