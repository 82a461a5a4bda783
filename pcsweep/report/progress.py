"""How far a study is that the page is made of before it is complete."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pcsweep.console.text import number_of
from pcsweep.sweep.seen import Seen


@dataclass(frozen=True)
class Progress:
    """Of a study of which points are missing.

    Args:
        text: how many points are where, in a sentence.
        under_way: how many of those that are missing are computed, or will be.
        every: seconds after which the page in a browser is read again; None where nobody renews it.
    """

    text: str
    under_way: int
    every: int | None = None

    @property
    def renewal(self) -> str:
        """What a reader may expect."""
        if self.every is not None:
            return f"This page renews itself, every {number_of(self.every, 'second')}, until the study is complete."
        return "A report made later has more." if self.under_way else ""


def progress(seen: Seen, every: int | None = None) -> Progress | None:
    """None of a study of which every planned point is done."""
    found, total = seen.found, len(seen.labels)
    if len(found.done) == total:
        return None
    running, pending = len(found.running) + len(found.here), len(found.pending) + len(found.next_here)
    counts = {
        "running": running,
        "pending": pending,
        "failed": found.failed,
        "of an unknown state, since a queue does not say it": len(found.unknown),
        "to do, in no queue": len(found.waiting),
    }
    others = "".join(f", {count:,} {what}" for what, count in counts.items() if count)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = f"This study is not complete: {len(found.done):,} of {number_of(total, 'point')} done{others}, as of {when}."
    return Progress(text, running + pending + len(found.unknown), every)
