from __future__ import annotations

from builders import availability

from study.config import Postprocessing
from study.evaluation.chains import Chains


def test_missing_modalities_may_have_a_chain_of_their_own():
    full, missing = Postprocessing(threshold=0.6), Postprocessing(threshold=0.4)
    chains = Chains(full=full, missing=missing)
    everything, never_there, removed = (
        availability("DWI+B0"), availability("DWI+B0", "DWI"), availability("DWI+B0", "DWI", removed="B0")
    )  # fmt: skip
    assert [chains.of(each) for each in (everything, never_there, removed)] == [full, missing, missing]
    assert Chains(full=full).of(removed) == full
