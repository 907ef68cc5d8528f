"""The report of a study: one HTML page that opens offline, with its tables and figures to take along.

`report` writes it: `view` reads a study, each of `sections` makes one part of the page, `page` renders them. Nothing is
imported here, so that `--help` is quick.
"""
