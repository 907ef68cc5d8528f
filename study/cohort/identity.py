"""A fingerprint of a study's data, without names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from study.cohort.records import Cohort, Splits


def cohort_hash(cohort: Cohort, splits: Splits) -> str:
    """A hash of the data without names: it changes with subjects, splits and file sizes, not with folders."""
    content = [
        [
            subject.key,
            subject.id,
            subject.patient,
            subject.center,
            _sizes(subject.images),
            _sizes(subject.masks),
            subject.occlusion,
            subject.control,
            dict(subject.stand_ins),
        ]
        for subject in sorted(cohort.subjects, key=lambda subject: subject.key)
    ]
    text = json.dumps([content, {use: sorted(keys) for use, keys in asdict(splits).items()}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sizes(files: Mapping[str, Path]) -> dict[str, int]:
    """File sizes in bytes by name; -1 for a file that does not exist."""
    return {name: path.stat().st_size if path.exists() else -1 for name, path in files.items()}
