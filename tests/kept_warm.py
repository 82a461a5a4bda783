"""A process that has imported what commands import, and forks one child for each that is asked for: see `commands`, `starter`.

    python -c 'import sys; sys.path.insert(0, "tests"); from kept_warm import serve; serve(3, 4)()' PADDING

Nothing is computed before a fork, so no thread and no state of a library is shared; only what importing leaves. The padding is
room for the words of a child, which are shown as its own.
"""

import _imp
import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.machinery
import io
import itertools
import json
import multiprocessing.spawn
import multiprocessing.util
import os
import pkgutil
import re
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import numpy
import parsed_once
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

OURS = ("pcsweep", "hydra_plugins")
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
# What torch's compiler and scikit-learn set in the process of the tests, for themselves: commands after those are not cold.
SET_BY_LIBRARIES = (
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
    "TORCHINDUCTOR_CACHE_DIR",
    "_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR",
)
READ_LATER = frozenset(
    (
        *SET_BY_LIBRARIES,
        "COLUMNS",
        "FOLDER_QUEUE",
        "FORCE_COLOR",
        "HYDRA_FULL_ERROR",
        "LINES",
        "NO_COLOR",
        "PATH",
        "PYTEST_CURRENT_TEST",
        "PYTHONPATH",
        "PYTHONWARNINGS",
        "SLURM_CONF",
        "TERM",
    )
)
# What Slurm, submitit, the shell in a batch script and trainings set besides; the libraries read it when they compute.
OF_SLURM = re.compile(r"(SLURMD?|SRUN|SBATCH|SUBMITIT|PMI)_\w+|CUDA_VISIBLE_DEVICES|GPU_DEVICE_ORDINAL|ROCR_VISIBLE_DEVICES|"
                      r"ZE_AFFINITY_MASK|HOSTNAME|ENVIRONMENT|TMPDIR|PCSWEEP_START|SHLVL|PWD|OLDPWD|_|HYDRA_\w+|"
                      r"MASTER_ADDR|MASTER_PORT|WORLD_SIZE|NODE_RANK|LOCAL_RANK")  # fmt: skip
MOST = 16  # descriptors that come with an order
HANDED = "--descriptors="
SPAWNED = "--multiprocessing-fork"
KNOWN_BY_NUMBER = "submitit.local."  # a module whose process has to be the one that was started
_PR_SET_PDEATHSIG = 1


def serve(orders: int, tasks: int) -> Callable[[], None]:
    """Takes orders, in the process that was started; returns in each child, with what that is to run.

    It ends when the other end of the socket of orders has been closed. An order is a JSON object (`module` or `text`, `words`,
    `folder`, `environment`, `umask`, `session`, `unbuffered`) with descriptors of standard input, output and errors. Whatever
    interpreters the processes start themselves are ordered as tasks are.

    Args:
        orders: a socket on which commands are ordered, each with a fourth descriptor, where its process number and, in the end,
            its status are written, eight bytes each.
        tasks: a socket that listens; whoever connects orders one process, and is told the same there. The process ends with
            the connection. Its number is 0 where it has to have an interpreter of its own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's foreground; whoever asks decides about the children
    environment = dict(os.environ)  # to which libraries may add
    _import_all()
    _read_configuration()
    forks = _Forks(socket.socket(fileno=orders), socket.socket(fileno=tasks), environment, _compiled())
    gc.collect()
    gc.freeze()
    while True:
        for key, _ in forks.waiting.select():
            child = key.data()
            if child:
                return child


class _Forks:
    """What is waited for, each with what is done about it, which in a child gives what that is to run."""

    def __init__(
        self, orders: socket.socket, tasks: socket.socket, environment: Mapping[str, str], compiled: Mapping[bytes, CodeType]
    ) -> None:
        self.waiting = selectors.DefaultSelector()
        self._environment = environment
        self._compiled = compiled
        self._path = tasks.getsockname()
        self._sockets = [orders, tasks]
        self._tasks: dict[int, int] = {}  # their processes, by the connections of those who wait for them
        self.waiting.register(orders, selectors.EVENT_READ, partial(self._command, orders))
        self.waiting.register(tasks, selectors.EVENT_READ, partial(self._connect, tasks))

    def _command(self, orders: socket.socket) -> Callable[[], None] | None:
        text, descriptors, _, _ = socket.recv_fds(orders, LONGEST, 4)
        if not text:
            os._exit(0)
        return self._fork(json.loads(text), descriptors[:3], descriptors[3])

    def _connect(self, tasks: socket.socket) -> None:
        connection, _ = tasks.accept()
        self.waiting.register(connection, selectors.EVENT_READ, partial(self._task, connection))

    def _task(self, connection: socket.socket) -> Callable[[], None] | None:
        self.waiting.unregister(connection)
        text, descriptors, _, _ = socket.recv_fds(connection, LONGEST, MOST)
        order = _order_of(json.loads(text), self._environment) if text else None
        if order is None:
            with contextlib.suppress(BrokenPipeError):
                connection.send(bytes(8))
            connection.close()
            for each in descriptors:
                os.close(each)
            return None
        status = connection.detach()
        self._tasks[status] = 0
        child = self._fork(order, descriptors, status)
        if child is None:
            self.waiting.register(status, selectors.EVENT_READ, partial(self._left_alone, status))
        return child

    def _left_alone(self, status: int) -> None:
        """Nobody waits for a task any more: the process that stood for it has been killed."""
        if status in self._tasks:  # and has not ended in this very moment
            self.waiting.unregister(status)
            os.kill(self._tasks.pop(status), signal.SIGKILL)

    def _fork(self, order: dict[str, Any], streams: list[int], status: int) -> Callable[[], None] | None:
        pid = os.fork()
        if pid == 0:
            self.waiting.close()
            for each in self._sockets:
                each.close()
            return _prepared(order, streams, self._compiled, self._path)
        for each in streams:
            os.close(each)
        if status in self._tasks:
            self._tasks[status] = pid
        with contextlib.suppress(BrokenPipeError):
            os.write(status, pid.to_bytes(8, "little", signed=True))
        pidfd = os.pidfd_open(pid)
        self.waiting.register(pidfd, selectors.EVENT_READ, partial(self._tell_end, pidfd, pid, status))
        return None

    def _tell_end(self, pidfd: int, pid: int, status: int) -> None:
        _, code = os.waitpid(pid, 0)
        self.waiting.unregister(pidfd)
        os.close(pidfd)
        if self._tasks.pop(status, None):
            self.waiting.unregister(status)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(status, os.waitstatus_to_exitcode(code).to_bytes(8, "little", signed=True))
        os.close(status)


def _read_configuration() -> None:
    """Parses what commands will parse again: the package's YAML, and words like theirs, by which grammars become fast."""
    parsed_once.parse_once()
    for path in Path(importlib.import_module("pcsweep.grid.entry").conf_folder()).rglob("*.yaml"):
        OmegaConf.load(path)
    OmegaConf.to_container(OmegaConf.create({"a": 1, "b": "${a}", "c": "x${b}/${oc.env:HOME,none}"}), resolve=True)
    words = ["a.b=0.1,0.2", "a=[1,c]", "a='b c'", "+a={b:1}", "~a", "a/b=c", "a=range(0,1,0.1)", "a=null", "a=interval(0,1)"]
    OverridesParser.create().parse_overrides(words)


def _order_of(task: dict[str, Any], ours: Mapping[str, str]) -> dict[str, Any] | None:
    """Of the words of an interpreter; None where it has to be started, for these words or this environment."""
    environment = task["environment"]
    differ = {name for name in {*environment, *ours} if environment.get(name) != ours.get(name)}
    if any(name not in READ_LATER and not OF_SLURM.fullmatch(name) for name in differ):
        return None
    given = [*itertools.dropwhile(lambda word: word in ("-B", "-u"), task["words"])]
    unbuffered = "-u" in task["words"][: -len(given)]
    flag, *words = given or [""]
    too_long = len("\0".join(task["words"]).encode()) > _room() - 1000
    if too_long or not words or flag not in ("-c", "-m") or words[0].startswith(KNOWN_BY_NUMBER):
        return None
    kind = "text" if flag == "-c" else "module"
    return {**task, kind: words[0], "words": words[1:], "session": True, "unbuffered": unbuffered}


def _compiled() -> dict[bytes, CodeType]:
    """The package's code by its text, so that a copy of it is executed anew, but compiled only where it was edited."""
    found = {}
    for module in list(sys.modules.values()):
        loader = getattr(module, "__loader__", None)
        if isinstance(loader, importlib.machinery.SourceFileLoader) and module.__name__.partition(".")[0] in OURS:
            found[Path(loader.path).read_bytes()] = loader.get_code(module.__name__)
    return found


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


def _prepared(order: dict[str, Any], descriptors: list[int], compiled: Mapping[bytes, CodeType], path: str) -> Callable[[], None]:
    """The process as a new interpreter has it, and `-m` of the module or `-c` of the text."""
    stands_for_it = order.get("pid")  # the process of a task that has been started, of which this is the fork
    if stands_for_it:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.getppid = partial(_parent_of, stands_for_it)
    if order["session"]:
        os.setsid()
    _take(descriptors, [0, 1, 2, *order.get("descriptors", ())])
    os.chdir(order["folder"])
    os.umask(order["umask"])
    tempfile.tempdir = None
    numpy.random.seed()  # noqa: NPY002 # which a new interpreter does as well
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unbuffered = bool(order.get("unbuffered"))
    _standard_streams(unbuffered)
    text, words = order.get("text"), order["words"]
    _find_modules(order["environment"].get("PYTHONPATH", ""), text)
    _start_forked(path)
    os.environ.clear()
    os.environ.update({name: value for name, value in order["environment"].items() if name not in SET_BY_LIBRARIES})
    sys.warnoptions[:] = filter(None, order["environment"].get("PYTHONWARNINGS", "").split(","))
    warnings._processoptions(sys.warnoptions)
    flags = ["-u"] if unbuffered else []
    if text is not None:
        sys.argv[:] = ["-c", *words]
        sys.orig_argv[:] = [sys.executable, *flags, "-c", text, *words]
        if stands_for_it:
            _show_words(sys.orig_argv)
        _compile_what_was_edited(compiled)
        return partial(_to_its_end, partial(exec, compile(text, "<string>", "exec"), vars(sys.modules["__main__"])))
    module = order["module"]
    sys.argv[:] = ["-m", *words]
    sys.orig_argv[:] = [sys.executable, *flags, "-m", module, *words]
    if stands_for_it:
        _show_words(sys.orig_argv)
    if module.partition(".")[0] == "pcsweep" and "pcsweep" in sys.modules:  # whose import does this in a new interpreter
        importlib.import_module("pcsweep.console.interruption").while_starting()
    return partial(_to_its_end, partial(runpy._run_module_as_main, module))


def _to_its_end(program: Callable[[], object]) -> None:
    """Ends as an interpreter does, but that it leaves its memory, and that of whoever forked it, to the system."""
    code: object = 0
    try:
        program()
    except SystemExit as error:
        code = error.code
        if not isinstance(code, int | None):
            raise
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _own_words() -> tuple[int, int]:
    """Where in memory the words of this process begin and end."""
    begin, end = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47]
    return int(begin), int(end)


def _room() -> int:
    begin, end = _own_words()
    return end - begin


def _show_words(words: list[str]) -> None:
    """As those of this process, to whoever looks for it by them."""
    begin, end = _own_words()
    shown = b"".join(word.encode() + b"\0" for word in words)
    ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)


def _compile_what_was_edited(compiled: Mapping[bytes, CodeType]) -> None:
    """Here: code of the package that is what this process has compiled is not compiled again."""
    anew = importlib.machinery.SourceFileLoader.source_to_code

    def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> CodeType:
        code = compiled.get(bytes(data)) if isinstance(data, bytes) else None
        if code is None:
            return anew(self, data, path, **options)
        _imp._fix_co_filename(code, path)
        return code

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code


def _take(descriptors: list[int], numbers: list[int]) -> None:
    """Gives the descriptors these numbers, and closes all others."""
    free = 1 + max(numbers)
    for source, number in [(fcntl.fcntl(each, fcntl.F_DUPFD, free), n) for each, n in zip(descriptors, numbers, strict=True)]:
        os.dup2(source, number)
    wanted = [*sorted(numbers), os.sysconf("SC_OPEN_MAX")]
    for number, following in itertools.pairwise(wanted):
        if number + 1 < following:
            os.closerange(number + 1, following)


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _start_forked(path: str) -> None:
    """Interpreters that this process starts are forked as well, those of `multiprocessing` and of `subprocess`."""
    starter = [sys.executable, "-IS", str(Path(__file__).with_name("starter.py")), path]
    spawn, begin = multiprocessing.util.spawnv_passfds, subprocess.Popen.__init__

    def spawned(program: Any, words: Any, descriptors: Any) -> int:
        if os.fsdecode(words[0]) != sys.executable or SPAWNED not in words:
            return spawn(program, words, descriptors)
        numbers = ",".join(str(int(each)) for each in descriptors)
        return spawn(program, [*starter, f"{HANDED}{numbers}", *words[1:]], descriptors)

    def begun(self: Any, args: Any, *more: Any, **options: Any) -> None:
        own = more or any(options.get(name) for name in ("executable", "pass_fds", "preexec_fn", "shell"))
        if isinstance(args, list) and args[0] == sys.executable and not own:
            args = [*starter, *args[1:]]
        begin(self, args, *more, **options)

    multiprocessing.util.spawnv_passfds = spawned
    subprocess.Popen.__init__ = begun


def _find_modules(path: str, text: str | None) -> None:
    """Here and where PYTHONPATH says, instead of where this module is; the package is imported anew where a copy may be."""
    anew = text is not None and not text.startswith("from multiprocessing.")
    folders = [os.getcwd() if text is None else "", *filter(None, path.split(os.pathsep))]
    sys.path[:2] = folders
    sys.path_importer_cache.clear()
    if anew or any(os.path.isdir(os.path.join(folder, "pcsweep")) for folder in folders):
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]


def _standard_streams(every_unbuffered: bool) -> None:
    """As Python opens them."""
    for name, descriptor, mode in (("stdin", 0, "rb"), ("stdout", 1, "wb"), ("stderr", 2, "wb")):
        before = getattr(sys, name)
        unbuffered = name != "stdin" and (every_unbuffered or before.write_through)
        opened = io.TextIOWrapper(
            open(descriptor, mode, buffering=0 if unbuffered else -1, closefd=False),  # noqa: SIM115
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=name == "stderr" or os.isatty(descriptor),
            write_through=unbuffered,
        )
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
