"""From files to arrays that all trials share: read, check, resample, normalise, cache, sample, augment.

Nothing is imported here, so that a command that needs one module loads only that one.
"""
