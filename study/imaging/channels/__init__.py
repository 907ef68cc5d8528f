"""Channels that are computed from modalities (`imaging.channels`), one file each.

A channel is one file with a `Channel`, and one line in `study.config.parts`. `images` holds a subject's channels, which
`computing` makes.
"""
