"""The function that sums up memory, block by block, as fast as it can be read."""

from enum import IntEnum, auto

import torch
from llvmlite import ir
from torch import Tensor

from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.emit import FLOAT, I64, POINTER, Emitter, function

BLOCK = 2**18  # floats


class Checksum(IntEnum):
    """What `checksum` gets, in an array of 64-bit words."""

    DATA = 0  # address of the floats
    VECTORS = auto()  # how many there are
    SUMS = auto()  # address of the result: [block][sum, sum of sums][lane], words of 64 bits


def checksum(module: ir.Module, name: str, lanes: int) -> None:
    """Defines `name(words, number)`, which sums up the block of that number.

    Lane by lane, of words of 64 bits, modulo 2⁶⁴: the sum, which every change of one word changes, and the sum of the sums so
    far, which words in another order change.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
    """
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    vector = ir.VectorType(I64, lanes // 2)
    total, totals = builder.alloca(vector), builder.alloca(vector)
    for each in (total, totals):
        builder.store(ir.Constant(vector, [0] * (lanes // 2)), each)
    first, all_ = emit.times(number, BLOCK // lanes), emit.word(words, Checksum.VECTORS)
    last = emit.sum(first, BLOCK // lanes)
    last = builder.select(builder.icmp_signed("<", last, all_), last, all_)
    data = emit.pointer(words, Checksum.DATA)
    with emit.loop(first, last) as index:
        value = builder.load(emit.at(data, emit.times(index, lanes)), align=4, typ=vector)
        now = builder.add(builder.load(total), value)
        builder.store(now, total)
        builder.store(builder.add(builder.load(totals), now), totals)
    out = emit.at(emit.pointer(words, Checksum.SUMS), emit.times(number, 2 * lanes))
    for place, each in enumerate((total, totals)):
        builder.store(builder.load(each), builder.gep(out, [emit.integer(place * lanes)], source_etype=FLOAT), align=8)
    builder.ret_void()


def sums(data: Tensor) -> Tensor:
    """Of all blocks: (blocks, sum | sum of sums, words of a vector).

    Args:
        data: floats, contiguous, a multiple of a vector.
    """
    lanes = library.lanes()
    blocks = -(-data.numel() // BLOCK)
    found = torch.empty(blocks, 2, lanes // 2, dtype=torch.int64)
    made = library.library(f"{lanes} checksum", lambda module: checksum(module, "checksum", lanes))
    made.call("checksum", blocks, [data.data_ptr(), data.numel() // lanes, found.data_ptr()])
    return found
