"""A search whose trials a queue computes: each stage of a trial is a task, sent when it is asked for and told when it is done."""

import logging
import time
from dataclasses import replace

from pcsweep.config.errors import BadSetting, Detached
from pcsweep.console.text import words_for
from pcsweep.machine.provenance import command
from pcsweep.study import submissions
from pcsweep.study.claims import Claims
from pcsweep.study.stopping import NEVER
from pcsweep.sweep import work
from pcsweep.sweep.job import Session
from pcsweep.sweep.look import answers_of, look
from pcsweep.sweep.searching.search import Search
from pcsweep.sweep.searching.words import progress_of
from pcsweep.sweep.send import send
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.wait import Since, pauses

_log = logging.getLogger(__name__)


def search_in_queue(session: Session, search: Search, settings: LauncherSettings, parallel: int) -> None:
    """Sends trials to a queue, one as soon as another is done, until as many as were asked for have ended; with a bar.

    Raises:
        BadSetting: the queue refuses them, or nobody shall wait.
        Detached: Ctrl-C; what is in the queue goes on.
    """
    if not settings.wait:
        raise BadSetting(
            "Expected `hydra.launcher.wait` to be true for a search, which chooses trials by what came of others, but got false; "
            "keep the command alive in tmux, or send it itself to the queue."
        )
    try:
        _until_over(session, search, settings, parallel)
    except KeyboardInterrupt:
        raise Detached(
            "\n".join(
                [
                    "Detached; the tasks that were sent go on.",
                    *(f"  python -m pcsweep.{name} {words_for(search.folder)}" for name in ("status", "cancel")),
                    f"To go on with the search:\n  {command()}",
                ]
            )
        ) from None


def _until_over(session: Session, search: Search, settings: LauncherSettings, parallel: int) -> None:
    gone: dict[str, Since] = {}
    with Claims(search.folder, []), progress_of(search) as update:
        for pause in pauses():
            search.advance(parallel)
            update()
            if not search.left:
                return
            _send(session, search, settings)
            time.sleep(pause)
            _look(search, settings.executor, gone)


def _send(session: Session, search: Search, settings: LauncherSettings) -> None:
    """Sends the stages that have not been sent; all that is ready at once."""
    ready = [stage for stage in search.under_way if not stage.given and not stage.over]
    if not ready:
        return
    tasks = [tuple([point] for point in stage.points if point.number not in stage.back) for stage in ready]
    (study,) = work.works(tasks)
    sent = send(session, study, replace(settings, max_failures=NEVER))  # a trial that fails is told, and no reason to stop
    for stage in ready:
        stage.given |= {point.number for point in stage.points}
    if sent.refusal:
        raise BadSetting(f"{settings.chosen.title} has not taken all tasks: {sent.refusal}")


def _look(search: Search, executor: str, gone: dict[str, Since]) -> None:
    """Takes note of what is done or has failed; what was sent and is in no queue for a while is lost."""
    sent = [stage for stage in search.under_way if stage.given]
    identities = [identity for stage in sent for identity in stage.identities]
    try:
        found = look(search.folder, identities, answers_of(submissions.read_all(search.folder), executor))
    except OSError as error:
        _log.debug("%s", error)
        return
    over = {*found.done, *found.raised}
    for identity in identities:
        if gone.setdefault(identity, Since()).for_long(identity in found.lost or identity in found.waiting):
            over.add(identity)
    search.settled(frozenset(over))
