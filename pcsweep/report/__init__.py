"""One self-contained page per study: what was asked, what came out, how sure that is, and where it came from.

`contents` gathers; `numbers` packs the statistics; `breakdown` looks at classes and sizes, `gallery` at single images, `origins`
at shards, `completeness` at what is not there; `answer` says in a sentence what came out. `page` puts all of it into `page.html`,
whose script is in `script/` and whose style is `page.css`; of a study without a cell it writes `nothing.html`.
"""
