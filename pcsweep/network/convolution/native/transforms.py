"""The functions that transform one tile of all channels: from a map to spectra, and from products of spectra to a map."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from llvmlite import ir

from pcsweep.network.convolution.native import dft
from pcsweep.network.convolution.native.emit import FLOAT, I64, POINTER, Complex, Emitter, function


@dataclass(frozen=True)
class Side:
    """Height or width of the tiles of one direction of a layer.

    Args:
        period: N, even. A cell is at the position of its offset from a tile's first output, modulo N.
        outputs: cells that a tile makes.
    """

    period: int
    outputs: int

    @property
    def even_outputs(self) -> int:
        """One more where there is an odd number, since two columns share a transform."""
        return self.outputs + self.outputs % 2


def frequencies(height: int, width: int) -> list[tuple[int, int]]:
    """(u, v) in the order of memory, for even periods; the others are conjugates of these."""
    edges = [(u, v) for v in range(width // 2 + 1) for u in (0, height // 2)]
    return edges + [(u, v) for u in range(1, height // 2) for v in range(width)]


def doubled(height: int, width: int, frequency: tuple[int, int]) -> float:
    """How many times as large as the transform its value at a frequency is after `analyse`."""
    u, v = frequency
    along_height, along_width = u not in (0, height // 2), v not in (0, width // 2)
    return 2.0 if along_height or along_width else 1.0


class Analysis(IntEnum):
    """What `analyse` gets, in an array of 64-bit words."""

    MAP = 0  # address of the floats
    BELOW = auto()  # address of a second map of the same layout; the error to it is transformed instead
    TILES = auto()  # address of five words a tile: where its first output is, first and last input's row from there, columns
    TILES_EACH = auto()  # tiles of one image
    IMAGE = auto()  # floats from an image to the next
    ROW = auto()  # floats from a row of cells to the next
    COLUMN = auto()  # floats from a cell to the next
    BLOCKS = auto()  # vectors of channels
    BLOCK_OFFSETS = auto()  # address of the offset of each such vector within a cell
    SPECTRA = auto()  # address of the result: [frequency][tile of an image][x + y, x, y][channel]
    FREQUENCY = auto()  # floats from a frequency to the next
    ROWS = auto()  # floats from a tile to the next
    PART = auto()  # floats from a part to the next
    LEAST = auto()  # address of a float: where the map is no more than it, the error is zero
    SCALES = auto()  # address of two floats a frequency, by which the components of a kernel's spectrum are multiplied


class Source(Enum):
    """What `analyse` transforms."""

    MAP = "map"  # into x + y, x, y
    ERROR = "error"  # (map - below) where map > least and zero elsewhere, into x + y, x, y
    KERNEL = "kernel"  # into the components, scaled


class Synthesis(IntEnum):
    """What `synthesise` gets, in an array of 64-bit words."""

    PRODUCTS = 0  # address: [frequency][tile of an image][re, im][channel]
    FREQUENCY = auto()  # floats from a frequency to the next
    ROWS = auto()  # floats from a tile to the next
    PART = auto()  # floats from a part to the next
    MAP = auto()  # address of the result
    TILES = auto()  # address of three words a tile: offset of its first cell, its rows and columns
    TILES_EACH = auto()
    IMAGE = auto()
    ROW = auto()
    COLUMN = auto()
    BLOCKS = auto()
    BLOCK_OFFSETS = auto()
    BIAS = auto()  # address of a float for each channel
    LEAST = auto()  # address of a float: no result is less


def analysis(module: ir.Module, name: str, lanes: int, sides: tuple[Side, Side], source: Source, streamed: bool = False) -> None:
    """Defines `name(words, number)`, which transforms the tile of that number.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        sides: height and width of the tile.
        source: of the tile.
        streamed: whether spectra are written past the cache.
    """
    (height, width), error = sides, source is Source.ERROR
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    cells = emit.scratch(height.period * width.period * lanes)  # (row, column, lane)
    half = emit.scratch(height.period * width.period * lanes)  # (u, column, re|im, lane); u = 0 with N/2 in place of im
    each = emit.word(words, Analysis.TILES_EACH)
    image, tile = builder.sdiv(number, each), builder.srem(number, each)
    table = emit.pointer(words, Analysis.TILES)
    corner, top, bottom, left, right = (emit.word(table, emit.sum(emit.times(tile, 5), place)) for place in range(5))
    origin = emit.sum(emit.times(image, emit.word(words, Analysis.IMAGE)), corner)
    row_step, column_step = emit.word(words, Analysis.ROW), emit.word(words, Analysis.COLUMN)
    sources = [emit.pointer(words, Analysis.MAP), *([emit.pointer(words, Analysis.BELOW)] if error else [])]
    least = emit.splat(builder.load(emit.pointer(words, Analysis.LEAST), typ=FLOAT)) if error else None
    part, frequency_step = emit.word(words, Analysis.PART), emit.word(words, Analysis.FREQUENCY)
    spectra = emit.at(emit.pointer(words, Analysis.SPECTRA), emit.times(number, emit.word(words, Analysis.ROWS)))
    scales = emit.pointer(words, Analysis.SCALES) if source is Source.KERNEL else None
    offsets = emit.pointer(words, Analysis.BLOCK_OFFSETS)
    with emit.loop(0, height.period * width.period) as cell:  # those that are no input stay so
        emit.store(None, cells, emit.times(cell, lanes))
    with emit.loop(0, emit.word(words, Analysis.BLOCKS)) as block:
        first = emit.sum(origin, emit.word(offsets, block))
        with emit.loop(top, bottom) as row:
            from_row = emit.sum(first, emit.times(row, row_step))
            to_row = emit.times(emit.modulo(row, height.period), width.period * lanes)
            with emit.loop(left, right) as column:
                place = emit.sum(from_row, emit.times(column, column_step))
                value = emit.load(sources[0], place)
                if error:
                    below = emit.load(sources[1], place)
                    nothing = builder.fcmp_ordered("<=", value, least)
                    value = builder.select(nothing, emit.zeros, builder.fsub(value, below))
                emit.store(value, cells, emit.sum(to_row, emit.times(emit.modulo(column, width.period), lanes)))
        _columns_analysed(emit, cells, half, height, width.period)
        out = _Spectra(emit.at(spectra, emit.times(block, lanes)), frequency_step, part, scales, streamed)
        _rows_analysed(emit, half, out, height, width)
    builder.ret_void()


@dataclass(frozen=True)
class _Spectra:
    """Where spectra are written, or read from.

    Args:
        base: address of the first frequency.
        frequency: floats from one to the next.
        part: floats from a part to the next.
        scales: address of the factors of a kernel's components.
        streamed: whether they are written past the cache.
    """

    base: ir.Value
    frequency: ir.Value
    part: ir.Value
    scales: ir.Value | None = None
    streamed: bool = False

    def write(self, emit: Emitter, value: Complex, place: ir.Value | int) -> None:
        """A frequency, by its place in the order of memory."""
        to = emit.at(self.base, emit.times(self.frequency, place))
        if self.scales is None:
            parts = [emit.add(value.re, value.im), value.re, value.im]
        else:
            pairs = emit.times(place, 2)
            factors = [emit.splat(emit.builder.load(emit.at(self.scales, emit.sum(pairs, each)), typ=FLOAT)) for each in (0, 1)]
            parts = [emit.product(each, factor) for each, factor in zip((value.re, value.im), factors, strict=True)]
        store = emit.stream if self.streamed else emit.store
        for number, each in enumerate(parts):
            store(each, to, emit.times(self.part, number))

    def read(self, emit: Emitter, place: ir.Value | int) -> Complex:
        """A frequency, by its place in the order of memory."""
        at = emit.at(self.base, emit.times(self.frequency, place))
        return Complex(emit.load(at), emit.load(at, self.part))


def _columns_analysed(emit: Emitter, cells: ir.Value, half: ir.Value, height: Side, columns: int) -> None:
    """Two neighbouring columns at a time, as real and imaginary components."""
    lanes, period = emit.lanes, height.period
    with emit.loop(0, columns // 2) as pair:
        at = emit.at(cells, emit.times(pair, 2 * lanes))
        values = [emit.load_complex(at, row * columns * lanes) for row in range(period)]
        one, other = dft.separated(emit, dft.transformed(emit, values, -1))
        to = emit.at(half, emit.times(pair, 4 * lanes))
        for place, column in enumerate((one, other)):
            emit.store_complex(Complex(column[0].re, column[-1].re), to, place * 2 * lanes)
            for u in range(1, period // 2):
                emit.store_complex(column[u], to, (u * columns + place) * 2 * lanes)


def _rows_analysed(emit: Emitter, half: ir.Value, out: _Spectra, height: Side, width: Side) -> None:
    """The transform along the width of u = 0 and N/2, then of the others, written in the order of `frequencies`."""
    lanes, period = emit.lanes, width.period

    def row(pointer: ir.Value) -> list[Complex]:
        return dft.transformed(emit, [emit.load_complex(pointer, column * 2 * lanes) for column in range(period)], -1)

    edges = [value for pair in zip(*dft.separated(emit, row(half)), strict=True) for value in pair]
    for place, value in enumerate(edges):
        out.write(emit, value, place)
    with emit.loop(1, height.period // 2) as u:
        first = emit.sum(len(edges), emit.times(emit.sum(u, -1), period))
        for v, value in enumerate(row(emit.at(half, emit.times(u, period * 2 * lanes)))):
            out.write(emit, value, emit.sum(first, v))


def synthesis(module: ir.Module, name: str, lanes: int, sides: tuple[Side, Side], streamed: bool = False) -> None:
    """Defines `name(words, number)`, which writes the cells of the tile of that number.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        sides: height and width of the tile.
        streamed: whether cells are written past the cache.
    """
    height, width = sides
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    half = emit.scratch(height.period * width.even_outputs * lanes)  # (u, column, re|im, lane); u = 0 with N/2 in place of im
    each = emit.word(words, Synthesis.TILES_EACH)
    image, tile = builder.sdiv(number, each), builder.srem(number, each)
    table = emit.pointer(words, Synthesis.TILES)
    first_cell, rows, columns = (emit.word(table, emit.sum(emit.times(tile, 3), place)) for place in range(3))
    origin = emit.sum(emit.times(image, emit.word(words, Synthesis.IMAGE)), first_cell)
    row_step, column_step = emit.word(words, Synthesis.ROW), emit.word(words, Synthesis.COLUMN)
    part, frequency_step = emit.word(words, Synthesis.PART), emit.word(words, Synthesis.FREQUENCY)
    products = emit.at(emit.pointer(words, Synthesis.PRODUCTS), emit.times(number, emit.word(words, Synthesis.ROWS)))
    least = emit.splat(builder.load(emit.pointer(words, Synthesis.LEAST), typ=FLOAT))
    offsets, bias = emit.pointer(words, Synthesis.BLOCK_OFFSETS), emit.pointer(words, Synthesis.BIAS)
    target = emit.pointer(words, Synthesis.MAP)
    with emit.loop(0, emit.word(words, Synthesis.BLOCKS)) as block:
        given = _Spectra(emit.at(products, emit.times(block, lanes)), frequency_step, part)
        _rows_synthesised(emit, given, half, height, width)
        corner = emit.at(target, emit.sum(origin, emit.word(offsets, block)))
        constant = emit.load(bias, emit.times(block, lanes))
        cells = _Cells(corner, row_step, column_step, rows, columns, constant, least, streamed)
        _columns_synthesised(emit, half, cells, height, width)
    builder.ret_void()


def _rows_synthesised(emit: Emitter, given: _Spectra, half: ir.Value, height: Side, width: Side) -> None:
    """Back along the width, where a tile has outputs."""
    lanes, period, columns = emit.lanes, width.period, width.even_outputs

    def back(values: list[Complex], to: ir.Value) -> None:
        for column, value in enumerate(dft.transformed(emit, values, 1)[:columns]):
            emit.store_complex(value, to, column * 2 * lanes)

    count = period // 2 + 1
    one, other = ([given.read(emit, 2 * v + place) for v in range(count)] for place in range(2))
    back(dft.joined(emit, one, other), half)
    with emit.loop(1, height.period // 2) as u:
        first = emit.sum(2 * count, emit.times(emit.sum(u, -1), period))
        back([given.read(emit, emit.sum(first, v)) for v in range(period)], emit.at(half, emit.times(u, columns * 2 * lanes)))


@dataclass(frozen=True)
class _Cells:
    """Where the cells of a tile are written, for one vector of channels.

    Args:
        corner: address of the first.
        row, column: floats from one to the next.
        rows, columns: how many there are.
        bias: added to each.
        least: no result is less.
        streamed: whether they are written past the cache.
    """

    corner: ir.Value
    row: ir.Value
    column: ir.Value
    rows: ir.Value
    columns: ir.Value
    bias: ir.Value
    least: ir.Value
    streamed: bool


def _columns_synthesised(emit: Emitter, half: ir.Value, to: _Cells, height: Side, width: Side) -> None:
    """Back along the height, two columns at a time, into the map with bias and ReLU."""
    builder, lanes, period, even = emit.builder, emit.lanes, height.period, width.even_outputs
    store = emit.stream if to.streamed else emit.store
    with emit.loop(0, even // 2) as pair:
        at = emit.at(half, emit.times(pair, 4 * lanes))
        spectra = []
        for place in range(2):
            edge = emit.load_complex(at, place * 2 * lanes)
            inner = [emit.load_complex(at, (u * even + place) * 2 * lanes) for u in range(1, period // 2)]
            spectra.append([Complex(edge.re, None), *inner, Complex(edge.im, None)])
        made = dft.transformed(emit, dft.joined(emit, *spectra), 1)[: height.outputs]
        for place in range(2):
            column = emit.sum(emit.times(pair, 2), place)
            with builder.if_then(builder.icmp_signed("<", column, to.columns)):
                first = emit.at(to.corner, emit.times(column, to.column))
                for row, values in enumerate(made):
                    with builder.if_then(builder.icmp_signed(">", to.rows, emit.integer(row))):
                        value = builder.fadd((values.re, values.im)[place], to.bias)
                        value = builder.select(builder.fcmp_ordered("<", value, to.least), to.least, value)
                        store(value, first, emit.times(to.row, row))
