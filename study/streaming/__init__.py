"""Fresh brains: a training replaces its phantoms by new ones, one after the other (`cohort.phantom.stream`).

The cohort on disk stays as it is: it is split, measured and evaluated, and a training begins with it. Read in this
order: turns (which brain is shown when), making (one brain, from nothing to the cache), stream (what samples ask),
supply (processes that make brains ahead).
"""
