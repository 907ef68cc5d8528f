"""How good a network is: inference, post-processing and its search, metrics, cross-center evaluation.

Read in this order::

    inference.py        probabilities from overlapping windows
    cross_center.py     each subject with each availability subset, scored as rows (rows.py)
    metrics/            the scores of one mask, one file a group
    steps/              the post-processing, one file a step
    postprocessing.py   steps in a chain; chains.py: which chain a prediction gets
    kept.py             probabilities kept for the search of the post-processing
    search.py           the search; objective.py: what it maximises; fit.py: what it finds
    settings_space.py   what is searched; proposals.py, curves.py: how
    fast_chain.py       thousands of chains at once: component_lists.py, forest.py, component_tree.py, holes.py
    synthesis.py        networks that synthesise absent modalities
"""
