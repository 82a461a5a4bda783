"""Stands for an interpreter that Slurm, or a command, starts: has the process that is kept warm fork it, and ends as that does.

    python -IS starter.py SOCKET [--descriptors=5,7] [-u] -m MODULE …      … [-u] -c TEXT …

The forked process gets these words, this one's environment, folder, streams and those descriptors, and every signal that this
one gets. Where this one is killed, so is that. Words and variables that ask for an interpreter of its own get one, in the place
of this process.
"""

import json
import os
import signal
import socket
import sys

HANDED = "--descriptors="
HANDED_ON = {
    signal.SIGCONT,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
}


def main(path: str, words: list[str]) -> int:
    """Its exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)
    forks = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    descriptors = []
    if words[0].startswith(HANDED):
        descriptors = [int(number) for number in words.pop(0).removeprefix(HANDED).split(",")]
    pid = ordered(forks, path, words, descriptors)
    if not pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
        os.execv(sys.executable, [sys.executable, *words])
    for number in HANDED_ON:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    told = forks.recv(8)
    if not told:
        return 1  # the process that forks has ended, and all that it has forked
    code = int.from_bytes(told, "little", signed=True)
    if code < 0:
        if -code in HANDED_ON:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def ordered(forks: socket.socket, path: str, words: list[str], descriptors: list[int]) -> int:
    """The number of the process; 0 where there is none."""
    umask = os.umask(0o77)
    os.umask(umask)
    order = {"words": words, "folder": os.getcwd(), "environment": dict(os.environ), "umask": umask}
    order |= {"descriptors": descriptors, "pid": os.getpid()}
    try:
        forks.connect(path)
        socket.send_fds(forks, [json.dumps(order).encode()], [0, 1, 2, *descriptors])
        return int.from_bytes(forks.recv(8), "little", signed=True)
    except OSError:
        return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2:]))
