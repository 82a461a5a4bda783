"""Who may put files where: what a queue's tasks will load must lie where its owner alone can write.

A task unpickles a file in `submissions/<name>/` of its study. Whoever can replace that file, or a folder on the way to it, would
have their own code run by whoever submitted. So the study's folder and all below it must belong to the person and be closed to
the group and others. Of the folders above, none may be open to everybody, unless it is sticky, as /tmp is. One that a group may
write, as projects on clusters have, is allowed: its members can take a study away, but not put one of their own in its place
unnoticed, as a task refuses a folder that does not belong to its own user (`pcsweep.sweep.task`).
"""

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.machine.folders import OTHERS

_LINKS = 40  # followed at most, as by Linux


def user_name(number: int) -> str:
    """The name of a user, or the number where there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def check_own(folder: Path, below: tuple[str, ...] = ()) -> None:
    """Refuses a folder from which somebody else could have their code run by a queue's tasks.

    Args:
        folder: such as a study's; it must be one's own and closed, if it is there.
        below: names of folders in it that must be, too, as far as they are there.

    Raises:
        BadSetting: names the path, and what mends it.
    """
    own = [path.absolute() for path in (folder, *(folder / name for name in below))]
    steps = dict.fromkeys(step for path in own for step in _steps(path))
    strict = {path.parent.resolve() / path.name for path in own} | {path.resolve() for path in own}
    for step in steps:
        _check_step(step, step in strict)


def who_else(folder: Path) -> str:
    """Who, beside this user and root, may move a folder away, and through which of those above; empty if nobody.

    Raises:
        BadSetting: links that lead in a circle.
    """
    for step in list(_steps(folder.absolute()))[:-1]:
        status = step.lstat()
        if status.st_uid not in (0, os.geteuid()):
            return f"{user_name(status.st_uid)}, to whom {step} belongs"
        if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_ISVTX:
            group = _group(status.st_gid)
            if group != user_name(os.geteuid()):  # a user's own group, where each has one
                return f"the group {group}, which may write {step}"
    return ""


def why_not_private(status: os.stat_result) -> str:
    """What is wrong with a file or folder that only its owner, this process's user, should be able to write; empty if nothing.

    Where it has an access control list, the bits of the group are the most that anybody named there may do.
    """
    if status.st_uid != os.geteuid():
        return f"it belongs to {user_name(status.st_uid)}"
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & OTHERS:
        return f"others may write it (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _check_step(path: Path, strictly: bool) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadSetting(f"Expected a folder that can be looked at, but {path}: {error.strerror}.") from error
    if strictly and (problem := why_not_private(status)):
        mend = "choose another study or output_root" if status.st_uid != os.geteuid() else f"chmod go-w {shlex.quote(str(path))}"
        raise BadSetting(
            f"Expected a folder that nobody but you can write, since tasks run what lies there, but of {path} {problem}. "
            f"To mend it: {mend}"
        )
    everybody = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    if everybody:
        raise BadSetting(
            f"Expected a study in a folder whose content not everybody can replace, since tasks run what lies there, but "
            f"everybody may write {path} (mode {stat.S_IMODE(status.st_mode):04o}). "
            f"To mend it: chmod o-w {shlex.quote(str(path))}"
        )


def _steps(path: Path) -> Iterator[Path]:
    """Every folder and link on the way from / to a path, and the path itself, each in its real folder.

    Raises:
        BadSetting: links that lead in a circle.
    """
    here, left, links = Path("/"), list(path.parts[1:]), 0
    yield here
    while left:
        part = left.pop(0)
        if part == "..":
            here = here.parent
            continue
        step = here / part
        yield step
        if step.is_symlink():
            links += 1
            if links > _LINKS:
                raise BadSetting(f"Expected a folder, but the links of {path} lead in a circle.")
            target = step.readlink()
            here = Path("/") if target.is_absolute() else here
            left = [name for name in target.parts if name != "/"] + left
        else:
            here = step
