"""One self-contained page per study: what was asked, what came out, how sure that is, and where it came from.

`contents` gathers; `numbers` packs the statistics; `breakdown` looks at classes and sizes, `gallery` at single images, `origins`
at shards. `page` puts all of it into `page.html`, whose script is `page.js` and whose style is `page.css`.
"""
