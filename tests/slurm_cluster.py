"""A real Slurm on this machine for tests: slurmctld, one slurmd with stand-in GPUs, and a munged of their own.

    with Cluster(folder, gpus=2, cpus=8) as cluster:
        cluster.command("sbatch", "--gres=gpu:1", "job.sh")
        cluster.wait_until_idle()

It needs Debian's packages slurm-wlm and munge, and no privileges: all daemons, and all jobs, run as whoever starts them. Several
clusters may run side by side.
"""

import contextlib
import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

import pytest

T = TypeVar("T")

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "setpriv")
NODE = "pcs"
GPUS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")  # Slurm takes nothing but device files for GPUs, and opens none
PAUSE_S = 0.2  # between two questions to Slurm, each of which is a process
LONGEST_FOLDER = 70  # characters; sockets of job steps lie below it, and a socket's path has 107 at most
CONFIGURATION = """
ClusterName=pcsweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# Besides credentials, cred_expire bounds how soon a requeued job may start again.
AuthInfo=socket={short}/munge.socket,cred_expire={requeue_delay_s}
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={short}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# Without cgroups, so that nothing is mounted and a container will do.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
# Every queue is looked at once a second.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
PriorityType=priority/basic
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
MaxArraySize={max_array_size}
EnforcePartLimits=ALL
JobRequeue=1
KillWait={kill_wait_s}
OverTimeLimit=0
MinJobAge={min_job_age_s}
SlurmdTimeout={slurmd_timeout_s}
ReturnToService=2
# The node has what is declared here, whatever the machine has.
SlurmdParameters=config_overrides
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 {gres} State=UNKNOWN
PartitionName=gpu Nodes={node} Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes={node} MaxTime=1 State=UP
"""


def why_not() -> str | None:
    """Why no cluster can be started here."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{missing[0]} is not on the PATH"
    return None


def require() -> None:
    """Skip the test if no cluster can be started here; fail it if PCSWEEP_REQUIRE_SLURM is set."""
    reason = why_not()
    if reason and os.environ.get("PCSWEEP_REQUIRE_SLURM"):
        pytest.fail(f"PCSWEEP_REQUIRE_SLURM is set, but {reason}")
    if reason:
        pytest.skip(reason)


def until(condition: Callable[[], T], timeout_s: float, what: str, pause_s: float = 0.05) -> T:
    """The first true value of `condition`, which is looked at every so often."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Expected {what} within {timeout_s} s")
        time.sleep(pause_s)
    return value


@dataclass(eq=False)
class Cluster:
    """A context manager; `stop` may be called at any time and twice.

    All is in `folder`; only the sockets, and the spool, move to a short path if its own is too long. The daemons end with the
    thread that started them, so a killed pytest leaves none.
    """

    folder: Path
    max_array_size: int = 1001  # indices go up to max_array_size - 1
    gpus: int = 2
    cpus: int = 2
    requeue_delay_s: int = 10  # at least 5; Slurm's own is 120
    min_job_age_s: int = 5  # a finished job is forgotten after this, at the next look (every 10 s)
    kill_wait_s: int = 5
    slurmd_timeout_s: int = 300
    _short: Path = field(init=False, repr=False)
    _found: int = field(init=False, repr=False, default=0)  # GPUs that slurmd finds
    _daemons: dict[str, subprocess.Popen[bytes]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self._short = self.folder.resolve()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Return when the node is idle. RuntimeError with the ends of the daemons' logs if that does not come about."""
        try:
            self._write()
            self._spawn("munged", *self._munged_options())
            self._until_up((self._short / "munge.socket").exists)
            self._spawn("slurmctld", "-D")
            self._spawn("slurmd", "-D", "-N", NODE)
            self._until_up(lambda: self.node_state() == "IDLE")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the daemons and every process of the cluster's jobs; what remains is text in `folder`."""
        try:
            self._end("slurmctld")
            self._end("slurmd")
            until(self._kill_the_rest, 10, f"the end of all processes of {self.folder}")
        finally:
            self._end("munged")
            if self._short != self.folder:
                shutil.rmtree(self._short, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What makes Slurm's commands, and submitit, talk to this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def command(self, *words: str, timeout_s: float = 30) -> str:
        """A command's standard output. RuntimeError with its standard error if it fails."""
        ran = subprocess.run(
            words, env=os.environ | self.environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s
        )
        if ran.returncode:
            raise RuntimeError(f"{' '.join(words)}: {ran.stderr.strip()}")
        return ran.stdout.strip()

    def queue(self) -> list[dict[str, str]]:
        """Jobs that wait, run or complete, one entry a task: `id` as scontrol wants it, `job`, `index` ("N/A" without an array).

        `start` is when the job started, or is expected to (a year from now if behind one without a limit), or "N/A".
        """
        keys = ("id", "job", "index", "state", "reason", "start", "name")
        lines = self.command("squeue", "-r", "-h", "-S", "i", "-o", "%i|%F|%K|%T|%r|%S|%j").splitlines()
        return [dict(zip(keys, line.split("|", len(keys) - 1), strict=True)) for line in lines]

    def wait_until_idle(self, timeout_s: float = 60) -> None:
        """Until no job waits, runs or completes."""
        until(lambda: not self.queue(), timeout_s, f"an empty queue of {self.folder}", PAUSE_S)

    def hasten(self) -> list[str]:
        """Jobs that wait for their begin time, as requeued ones do, may start in two seconds.

        Not now: slurmd refuses a job that starts in the second in which it was requeued, and Slurm then counts it as failed.
        """
        patience_s = self.kill_wait_s + 10
        until(lambda: all(entry["state"] != "COMPLETING" for entry in self.queue()), patience_s, "no job that completes", PAUSE_S)
        soon = (datetime.now() + timedelta(seconds=2)).isoformat()
        # A requeued job's reason is None until the scheduler has looked at it.
        pending = [e["id"] for e in self.queue() if e["state"] == "PENDING" and e["reason"] in {"None", "BeginTime"}]
        waiting = [job for job in pending if soon < self._shown("job", job, "EligibleTime") < "Unknown"]
        for job in waiting:
            self.command("scontrol", "update", f"jobid={job}", "starttime=now+2")
        return waiting

    def node_state(self) -> str:
        """Such as IDLE, MIXED, ALLOCATED, DOWN, IDLE+DRAIN or, with a GPU missing, MIXED+DRAIN+INVALID_REG."""
        return self._shown("node", NODE, "State")

    def drain(self, reason: str) -> None:
        """No job starts any more; the running ones go on."""
        self.command("scontrol", "update", f"nodename={NODE}", "state=drain", f"reason={reason}")

    def resume(self) -> None:
        """Undo `drain`."""
        self.command("scontrol", "update", f"nodename={NODE}", "state=resume")

    def kill_slurmd(self) -> None:
        """As if it crashed: the jobs go on, and the node counts as down after `slurmd_timeout_s`."""
        self._end("slurmd", signal.SIGKILL)

    def start_slurmd(self) -> None:
        """Return when the node has registered. Replaces a slurmd that runs."""
        before = self._shown("node", NODE, "SlurmdStartTime")
        self._end("slurmd")
        until(lambda: datetime.now().isoformat(timespec="seconds") != before, 2, "the next second")
        self._spawn("slurmd", "-D", "-N", NODE)
        self._until_up(lambda: self._shown("node", NODE, "SlurmdStartTime") not in {before, "None"})

    def stop_slurmctld(self) -> None:
        """Commands fail from now on, after a wait of ten seconds or so; jobs go on."""
        self._end("slurmctld")

    def start_slurmctld(self) -> None:
        """With the queue as it was."""
        self._spawn("slurmctld", "-D")
        self._until_up(lambda: self.node_state() != "UNKNOWN")

    def restart_slurmctld(self, pause_s: float = 0) -> None:
        """Down for `pause_s`, then with the queue as it was."""
        self.stop_slurmctld()
        time.sleep(pause_s)
        self.start_slurmctld()

    def lose_a_gpu(self) -> None:
        """As if the last one were taken out: Slurm drains the node, which has too few. Running jobs go on, on whichever GPU."""
        self._write_gres(self._found - 1)
        self.start_slurmd()
        until(lambda: "INVALID_REG" in self.node_state(), 10, "an invalid node")

    def return_the_gpu(self) -> None:
        """Undo every `lose_a_gpu` and resume the node, which Slurm leaves to the administrator."""
        self._write_gres(self.gpus)
        self.start_slurmd()
        until(lambda: "INVALID_REG" not in self.node_state(), 10, "a valid node")
        self.resume()
        until(lambda: "NOT_RESPONDING" not in self.node_state(), 10, "a node that responds")

    def _write(self) -> None:
        """Every file the daemons read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if len(str(self.folder)) > LONGEST_FOLDER:
            self._short = Path(tempfile.mkdtemp(prefix="pcs"))
        (self.folder / "state").mkdir(exist_ok=True)
        (self._short / "spool").mkdir(exist_ok=True)
        (self.folder / "munge.key").touch(mode=0o600)
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        slurmctld_port, slurmd_port = _free_ports(2)
        text = CONFIGURATION.format(
            **vars(self),
            short=self._short,
            user=getpass.getuser(),
            host=socket.gethostname().partition(".")[0],
            node=NODE,
            gres=f"Gres=gpu:{self.gpus}" if self.gpus else "",
            slurmctld_port=slurmctld_port,
            slurmd_port=slurmd_port,
        )
        (self.folder / "slurm.conf").write_text(text)
        self._write_gres(self.gpus)

    def _write_gres(self, gpus: int) -> None:
        """gres.conf: the GPUs slurmd finds."""
        self._found = gpus
        (self.folder / "gres.conf").write_text("".join(f"NodeName={NODE} Name=gpu File={device}\n" for device in GPUS[:gpus]))

    def _munged_options(self) -> list[str]:
        files = {"socket": self._short / "munge.socket"}
        files |= {
            name: self.folder / f"munge.{name.partition('-')[0]}" for name in ("key-file", "pid-file", "log-file", "seed-file")
        }
        return ["--foreground", "--force", *(f"--{name}={path}" for name, path in files.items())]

    def _spawn(self, *words: str) -> None:
        """A daemon in the foreground, in a session of its own, that ends with this thread."""
        with self._output(words[0]).open("a") as output:
            self._daemons[words[0]] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *words],
                env=os.environ | self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _output(self, daemon: str) -> Path:
        return self.folder / f"{daemon}.out"

    def _end(self, daemon: str, signal_number: int = signal.SIGTERM) -> None:
        process = self._daemons.pop(daemon, None)
        if process is None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _until_up(self, condition: Callable[[], bool]) -> None:
        """RuntimeError with the ends of the logs if a daemon ends, or the condition is not met in half a minute."""

        def up() -> bool:
            ended = [name for name, process in self._daemons.items() if process.poll() is not None]
            if ended:
                raise _Ended(f"{ended[0]} ended")
            with contextlib.suppress(RuntimeError):
                return condition()
            return False

        try:
            until(up, 30, "Slurm to be up")
        except (_Ended, TimeoutError) as error:
            raise RuntimeError(f"Slurm does not start: {error}\n{self._log_ends()}") from error

    def _log_ends(self) -> str:
        outputs = [self._output(daemon) for daemon in self._daemons]
        return "\n".join("\n".join([f"{path}:", *path.read_text().splitlines()[-15:]]) for path in outputs)

    def _shown(self, kind: str, name: str, key: str) -> str:
        found = re.search(rf"\b{key}=(\S+)", self.command("scontrol", "-o", "show", kind, name))
        assert found
        return found[1]

    def _kill_the_rest(self) -> bool:
        """Whether nothing was left to kill."""
        left = self._processes()
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return not left

    def _processes(self) -> list[int]:
        """Processes of the cluster's jobs, and others given its environment, without the daemons that this object holds."""
        spared = {os.getpid(), *(process.pid for process in self._daemons.values())}
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid not in spared and self._owns(pid)]

    def _owns(self, pid: int) -> bool:
        """By its environment or, as slurmstepd and slurmscriptd blank theirs, by the log it holds open."""
        conf = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode()
        logs = {str(self.folder / f"{daemon}.{kind}") for daemon in ("slurmctld", "slurmd") for kind in ("log", "out")}
        with contextlib.suppress(OSError):
            process = Path(f"/proc/{pid}")
            return conf in (process / "environ").read_bytes().split(b"\0") or any(
                os.readlink(opened) in logs for opened in (process / "fd").iterdir()
            )
        return False


class _Ended(Exception):
    """A daemon is gone."""


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
