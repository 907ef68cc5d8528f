"""Names that data sets have for one sequence."""

from __future__ import annotations

import pytest

from study.cohort.sequences import sequence_named


@pytest.mark.parametrize(
    ("name", "configured", "meant"),
    [
        ("t1n", ["T1", "T1c"], "T1"),
        ("t1ce", ["T1", "T1c"], "T1c"),
        ("t1c", ["T1", "T1Gd"], "T1Gd"),
        ("T1WKS", [], "T1c"),
        ("mprage", ["T1w"], "T1w"),
        ("t2f", ["T2"], "FLAIR"),
        ("t2w", ["T2", "FLAIR"], "T2"),
        ("T1W", ["T1", "T1W"], "T1W"),
        ("swi", ["T1"], "SWI"),
    ],
)
def test_a_sequence_has_the_configured_name_or_the_usual_one(name, configured, meant):
    assert sequence_named(name, configured) == meant
