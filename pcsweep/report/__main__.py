"""`python -m pcsweep.report`: aggregates a study and writes its page."""

import os
from collections.abc import Sequence
from dataclasses import replace

if __name__ == "__main__":  # before numpy: workers of one BLAS thread each
    from pcsweep.console.starting import sign

    sign("pcsweep.report")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console

from pcsweep.aggregate.words import DRAWING_HELP, parse
from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import of_word
from pcsweep.console.exit import end, follow, say, whole_number, yes_or_no
from pcsweep.console.text import paragraph
from pcsweep.machine.destination import destination
from pcsweep.search.rows import of_search
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import BEST, MEANS, POOLED

_METRIC = paragraph(
    "metric",
    "by which cells and images are best; the heatmap of the page shows any: iou@0.15 (a further threshold),",
    [name for name in MEANS if name in BEST],
)
HELP = f"""\
Tables, pictures and one HTML page of a study. The page opens from the file
system, without a network.

    python -m pcsweep.report study=NAME [gallery=3] [metric=iou]
                             [output_root=outputs] [resamples=2000]
                             [permutations=4999] [seed=0] [to=FOLDER]
                             [extensions=[MODULE,…]] [SETTING=VALUE …]
                             [watch=true] [every=60]

study         the folder below output_root; its shards/ are read
gallery       of how many images that gained most, and as many that lost most,
              each best cell shows maps; they are computed anew, which needs the
              model and the images; 0: none
{_METRIC}
extensions    modules of its author's own that the study was made with and that
              may be imported for the gallery, such as extensions=[my_noises];
              none is imported that is not named here
output_root   where the studies are
to            a folder for the results, if not the study's own, which may be
              somebody else's
{DRAWING_HELP}
SETTING       such as timesteps=10 or dataset.limit=50: only shards with it are
              read, where the study has others as well
watch         true: the page is renewed when there are new shards, and renews
              itself in a browser, until every point is done or has failed;
              Ctrl-C ends that. Galleries are drawn at the end, unless gallery
              is given
every         seconds between two looks at the files, at least 1

Writes report.html into the study's folder, beside what python -m
pcsweep.aggregate writes. Of a study whose points all failed, the page says why;
of one that is not complete, how far it is.
"""

_OWN = ("gallery", "extensions", "watch", "every")


def command(words: Sequence[str], console: Console) -> None:
    """Aggregates, says what aggregation says, and writes the page.

    Raises:
        BadSetting: a word that is none, or a study that cannot be aggregated; one whose points failed has a page all the same.
        Detached: Ctrl-C, while the page is renewed.
    """
    own = {key: text for key, _, text in (word.partition("=") for word in words) if key in _OWN}
    pictured = whole_number("gallery", own.get("gallery", "3"), 0)
    extensions = of_word(own.get("extensions", ""))
    watched, every = yes_or_no("watch", own.get("watch", "false")), whole_number("every", own.get("every", "60"), 1)
    if "every" in own and not watched:
        raise BadSetting("Expected `every` beside watch=true, since the page is made once without it.")
    options = parse([word for word in words if word.partition("=")[0] not in _OWN], also=_OWN)
    if options.metric in POOLED:
        raise BadSetting(
            f"Expected `metric` to be a mean over images, but got {options.metric!r}; the page's heatmap shows it all the same."
        )
    folder = existing_study(options.output_root, options.study)
    options = replace(options, where=of_search(folder, options.where))
    from pcsweep.report.made import Wanted

    wanted = Wanted(folder, destination(folder, options.to), options, pictured, tuple(extensions))
    if watched:
        from pcsweep.report.watching import watch

        watch(wanted, console, every, "gallery" in own)
    else:
        from pcsweep.report.watching import once

        once(wanted, console)
    say(console, f"Report: {wanted.path}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.report", HELP, command, argv)


if __name__ == "__main__":
    end(main())
