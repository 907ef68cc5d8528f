"""How many epochs a search needs: recorded trainings, replayed through the real tuner.

::

    design.py       settings that fill a search space evenly
    recording.py    trains them, resumable, and gathers their curves
    curves.py       the file of recorded curves
    surrogate.py    a regression on them: the curve of any setting, and how wrong it is
    methods.py      the searches that are compared
    replay.py       one search, with the study's own database, sampler, stopping rules and ranking
    figure.py       regret against epochs, drawn
"""
