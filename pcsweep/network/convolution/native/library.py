"""Functions in machine code: made once per processor, kept on disk, called on the threads that torch uses."""

import ctypes
import functools
import glob
import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numpy as np
import torch
from llvmlite import ir

from pcsweep.console.progress import stage
from pcsweep.machine.files import replacing
from pcsweep.machine.folders import OTHERS, user_cache
from pcsweep.network.convolution.native.emit import I64, POINTER, function

_Call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Library:
    """Functions `name(words, number)` that have been defined in one module.

    Args:
        key: what the code depends on, beside this package and the processor.
        define: adds the functions to a module; called only where the code is not on disk.
    """

    def __init__(self, key: str, define: Callable[[ir.Module], None]) -> None:
        path = user_cache() / "code" / f"{identity(key.encode())}.o"
        code = _read(path)
        if code is None:
            with stage("making machine code for this processor, once"):
                code = _compiled(define)
            _keep(path, code)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def call(self, name: str, count: int, words: Sequence[int]) -> None:
        """Calls a function with the numbers 0..count-1, on as many threads as torch has."""
        counter = np.zeros(1, np.int64)
        data = np.array([counter.ctypes.data, count, *words], np.int64)
        address = self._engine.get_function_address(_entry(name))
        _on_threads(address, data.ctypes.data, max(1, min(count, torch.get_num_threads())))


_libraries: dict[str, Library] = {}


def library(key: str, define: Callable[[ir.Module], None]) -> Library:
    """That of the key, one in a process."""
    if key not in _libraries:
        _libraries[key] = Library(key, define)
    return _libraries[key]


def lanes() -> int:
    """Floats of a vector of this processor."""
    features = _features()
    return 16 if features.get("avx512f") else 8 if features.get("avx2") else 4


def rows() -> int:
    """Of a tile of registers: 2 · rows vectors of sums."""
    return 4 if lanes() == 8 else 8


@functools.cache
def usable() -> bool:
    """Whether code can be made and called here."""
    try:
        _machine()
    except RuntimeError:
        return False
    return True


def _entry(name: str) -> str:
    return f"all {name}"


def _compiled(define: Callable[[ir.Module], None]) -> bytes:
    """The object file."""
    module = ir.Module("pcsweep")
    define(module)
    for made in list(module.functions):
        if made.linkage != "internal" and not made.is_declaration:
            made.linkage = "internal"
            _define_entry(module, made)
    machine = _machine()
    parsed = llvm.parse_assembly(_for_wide_vectors(str(module)))
    parsed.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    builder.getModulePassManager().run(parsed, builder)
    return bytes(machine.emit_object(parsed))


def _for_wide_vectors(code: str) -> str:
    """With vectors as wide as they are, where LLVM prefers half of them."""
    width = 32 * lanes()
    attributes = f'"prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"'
    return "\n".join(f"{line} {attributes}" if line.startswith("define") else line for line in code.splitlines())


def _define_entry(module: ir.Module, made: ir.Function) -> None:
    """A function of (counter, count, words…) that calls another with numbers that no other thread has taken."""
    entry, builder = function(module, _entry(made.name), [POINTER])
    (data,) = entry.args
    counter = builder.inttoptr(builder.load(data, typ=I64), POINTER)
    count = builder.load(builder.gep(data, [ir.Constant(I64, 1)], source_etype=I64), typ=I64)
    words = builder.gep(data, [ir.Constant(I64, 2)], source_etype=I64)
    head, body, after = (builder.append_basic_block(each) for each in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    number = builder.atomic_rmw("add", counter, ir.Constant(I64, 1), "monotonic")
    builder.cbranch(builder.icmp_signed("<", number, count), body, after)
    builder.position_at_end(body)
    builder.call(made, [words, number])
    builder.branch(head)
    builder.position_at_end(after)
    builder.ret_void()


def _machine() -> llvm.TargetMachine:
    """A new one: an engine frees its own."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="default",
        codemodel="jitdefault",
    )


@functools.cache
def _features() -> dict[str, bool]:
    try:
        return dict(llvm.get_host_cpu_features())
    except RuntimeError:
        return {}


def _processor() -> str:
    return f"{llvmlite.__version__} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@functools.cache
def _package() -> bytes:
    """The source that the code is made from."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


def identity(*parts: bytes | memoryview) -> str:
    """SHA-256 of what something follows from, together with this package's source and the processor."""
    every = (*parts, _package(), _processor().encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in every)).hexdigest()


# On disk: the code, and its hash


def _read(path: Path) -> bytes | None:
    """The code of a file that is the user's own and complete."""
    try:
        found = path.stat()
        if found.st_uid != os.getuid() or found.st_mode & OTHERS:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _keep(path: Path, code: bytes) -> None:
    """For the next process; it goes without where nothing can be written."""
    with suppress(OSError), replacing(path) as temporary:
        temporary.write_bytes(hashlib.sha256(code).digest() + code)
        temporary.chmod(0o600)  # whatever the umask: code that others may write is not read


# Threads


def _on_threads(address: int, data: int, threads: int) -> None:
    """Calls code on several threads at once, on OpenMP's where torch uses them: others would compete with them."""
    if threads == 1:
        _Call(address)(data)
        return
    openmp = _openmp()
    if openmp is not None:
        openmp.GOMP_parallel(ctypes.c_void_p(address), ctypes.c_void_p(data), threads, 0)
        return
    list(_pool(threads).map(_Call(address), [data] * threads))


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP that torch has loaded, if it is one that can be called from outside."""
    candidates = glob.glob(str(Path(torch.__file__).parent / "lib" / "libgomp*.so*"))
    candidates += sorted(_loaded("libgomp", "libiomp5"))
    for path in candidates:
        try:
            library = ctypes.CDLL(path)
            library.GOMP_parallel.restype = None
        except (OSError, AttributeError):
            continue
        library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        return library
    return None


def _loaded(*names: str) -> set[str]:
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = {line.split(maxsplit=5)[5] for line in lines if "/" in line}
    return {path for path in paths if Path(path).name.startswith(names)}


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
