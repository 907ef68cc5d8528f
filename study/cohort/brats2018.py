"""Reader for BraTS 2018 (Menze et al. 2015; Bakas et al. 2017, 2018).

::

    <root>/{HGG,LGG}/Brats18_<institution>_<patient>_1/Brats18_…_1_{flair,t1,t1ce,t2}.nii.gz
    <root>/{HGG,LGG}/Brats18_<institution>_<patient>_1/Brats18_…_1_seg.nii.gz    labels 1, 2 and 4

The folders above and below <root> will do, too. The institution is the center: CBICA, 2013, TCIA01 and so on. The
lesion is the whole tumour, of all labels. Cases without a label map, as those for validation are, have no mask.
"""

from __future__ import annotations

from pathlib import Path

from study.cohort.brats import BRATS2018, find_cases
from study.cohort.records import Entry, Listing
from study.config import CohortConfig


def list_brats2018(cohort: CohortConfig) -> Listing:
    """Every case under `cohort.brats2018.root`; raises CohortError if there is none."""
    cases = find_cases(BRATS2018, cohort.brats2018.root or Path(), cohort)
    entries = [
        Entry(
            id=case.name,
            patient="_".join([case.told["center"], case.told["patient"]]) if case.told else case.name,
            center=case.told.get("center", ""),
            images=case.images,
            masks=case.masks,
            problems=case.problems,
            labels=BRATS2018.labels,
        )
        for case in cases.found
    ]
    return Listing(tuple(entries), cases.remarks)
