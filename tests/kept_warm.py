"""A process that has imported what commands import, and forks one child for each that is asked for: see `commands`.

    python -c 'import sys; sys.path.insert(0, "tests"); from kept_warm import serve; serve(3)()'

Nothing is computed before a fork, so no thread and no state of a library is shared; only what importing leaves.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

# Imported only by exports to these, each of which reads variables of its own, and the modules of somebody else's application.
COLD = ("pcsweep.export.to.", "pcsweep.conf")
# What is imported only when something is computed, written or drawn.
LATER = (
    "captum.attr", "hydra._internal.hydra", "hydra.core.plugins", "matplotlib.backends.backend_agg", "matplotlib.pyplot",
    "mpl_toolkits.axes_grid1", "optuna.samplers", "optuna.storages.journal", "pandas", "plotly.graph_objects", "pyarrow.compute",
    "pyarrow.dataset", "pyarrow.parquet", "pytorch_lightning", "safetensors.torch", "scipy.stats", "submitit", "timm",
    "torch._dynamo", "torchvision",
)  # fmt: skip
LONGEST = 1 << 20  # bytes of an order


def serve(descriptor: int) -> Callable[[], None]:
    """Takes orders from a socket, in the process that was started; returns in each child, with what that is to run.

    It ends when the other end of the socket has been closed. An order is a JSON object (`module`, `words`, `folder`,
    `environment`, `umask`, `session`) with four descriptors: standard input, output and errors, and where its process number and,
    in the end, its status are written, eight bytes each.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's foreground; whoever asks decides about the children
    _import_all()
    gc.collect()
    gc.freeze()
    orders, waiting = socket.socket(fileno=descriptor), selectors.DefaultSelector()
    waiting.register(orders, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.data:
                waiting.unregister(key.fd)
                _tell_end(key.fd, *key.data)
                continue
            text, descriptors, _, _ = socket.recv_fds(orders, LONGEST, 4)
            if not text:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                waiting.close()
                orders.close()
                return _prepared(json.loads(text), descriptors)
            for each in descriptors[:3]:
                os.close(each)
            os.write(descriptors[3], pid.to_bytes(8, "little", signed=True))
            waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, descriptors[3]))


def _tell_end(pidfd: int, pid: int, status: int) -> None:
    _, code = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(status, os.waitstatus_to_exitcode(code).to_bytes(8, "little", signed=True))
    os.close(pidfd)
    os.close(status)


def _import_all() -> None:
    """Of the package, but the programs, and of libraries what waits for its use."""
    package = importlib.import_module("pcsweep")
    for found in pkgutil.walk_packages(package.__path__, "pcsweep."):
        if not found.name.startswith(COLD) and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in LATER:
        importlib.import_module(name)
    for name in (f"pcsweep.{command}" for command in importlib.import_module("pcsweep.__main__").COMMANDS):
        if not hasattr(sys.modules.get(name), "__path__"):  # a program, which is run as `__main__`
            sys.modules.pop(name, None)
    del sys.modules["pcsweep.__main__"]


def _prepared(order: dict[str, Any], descriptors: list[int]) -> Callable[[], None]:
    """The process as a new interpreter has it, and `-m` of the module."""
    if order["session"]:
        os.setsid()
    for target, source in enumerate(descriptors[:3]):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(order["folder"])
    os.umask(order["umask"])
    tempfile.tempdir = None
    numpy.random.seed()  # noqa: NPY002 # which a new interpreter does as well
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _standard_streams()
    module, words = order["module"], order["words"]
    _find_modules(order["environment"].get("PYTHONPATH", ""))
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.warnoptions[:] = filter(None, order["environment"].get("PYTHONWARNINGS", "").split(","))
    warnings._processoptions(sys.warnoptions)
    sys.argv[:] = ["-m", *words]
    sys.orig_argv[:] = [sys.executable, "-m", module, *words]
    if module.partition(".")[0] == "pcsweep" and "pcsweep" in sys.modules:  # whose import does this in a new interpreter
        importlib.import_module("pcsweep.console.interruption").while_starting()
    return partial(_as_main, module)


def _as_main(module: str) -> None:
    """Ends as an interpreter does, but that it leaves its memory, and that of whoever forked it, to the system."""
    code: object = 0
    try:
        runpy._run_module_as_main(module)
    except SystemExit as error:
        code = error.code
        if not isinstance(code, int | None):
            raise
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _find_modules(path: str) -> None:
    """Here and where PYTHONPATH says, instead of where this module is; a copy of the package there is imported anew."""
    folders = [os.getcwd(), *filter(None, path.split(os.pathsep))]
    sys.path[:2] = folders
    sys.path_importer_cache.clear()
    if any(os.path.isdir(os.path.join(folder, "pcsweep")) for folder in folders):
        for name in [name for name in sys.modules if name.partition(".")[0] in ("pcsweep", "hydra_plugins")]:
            del sys.modules[name]


def _standard_streams() -> None:
    """As Python opens them."""
    for name, descriptor, mode in (("stdin", 0, "rb"), ("stdout", 1, "wb"), ("stderr", 2, "wb")):
        before = getattr(sys, name)
        unbuffered = name != "stdin" and before.write_through
        opened = io.TextIOWrapper(
            open(descriptor, mode, buffering=0 if unbuffered else -1, closefd=False),  # noqa: SIM115
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=name == "stderr" or os.isatty(descriptor),
            write_through=unbuffered,
        )
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
