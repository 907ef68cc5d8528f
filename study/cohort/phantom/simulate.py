"""One phantom from its entry in the roster to images, masks and truth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from study.cohort.phantom.acquisition import draw_grid, draw_rotation, draw_scan
from study.cohort.phantom.anatomy import build_brain, draw_person
from study.cohort.phantom.brain import Brain
from study.cohort.phantom.centers import CENTERS, Center
from study.cohort.phantom.diffusion import add_diffusion
from study.cohort.phantom.distortion import air_field
from study.cohort.phantom.distractors import draw_changes
from study.cohort.phantom.lesions import Stroke, draw_stroke, lesion_volume_ml
from study.cohort.phantom.roster import Entry
from study.cohort.phantom.session import Phantom, Session
from study.cohort.phantom.susceptibility import add_susceptibility
from study.cohort.phantom.tissue import tissues
from study.config import Phantom as Settings

_CENTER_NUMBER = {name: number for number, name in enumerate(CENTERS)}
_STEP_MM = {"small": 1.7, "full": 1.0}  # of the grid on which brains are built


def simulate(entry: Entry, settings: Settings) -> Phantom:
    """Everything about one phantom, from the settings' seed, its center and its number alone."""
    center, size, random = CENTERS[entry.center], settings.size, settings.randomisation

    def generator(number: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((settings.seed, _CENTER_NUMBER[entry.center], number, purpose))

    body, rng = generator(entry.anatomy, 0), generator(entry.number, 1)
    brain = build_brain(draw_person(body), _STEP_MM[size], body)
    air = air_field(brain, body)
    scan = draw_scan(center, random, rng)
    table = tissues(scan.field_t, rng, 0.04 + 0.10 * random)
    stroke = _stroke(entry, center, brain, settings.seed, rng)
    changes, shift = draw_changes(brain, stroke, body), rng.normal(0, (1.5, 6, 8))
    session = Session(entry, brain, table, stroke, changes, scan, air, shift)
    phantom = Phantom(truth=_truth(session))
    limits = center.small_grids if size == "small" else center.full_grids
    for add, limit in ((add_diffusion, limits[0]), (add_susceptibility, limits[1])):
        rotation = draw_rotation(center.tilt_deg, rng)
        grid = draw_grid(brain, limit, rotation, center.orientation, shift, random, rng)
        if add is add_diffusion or entry.susceptibility:
            add(phantom, session, grid, rng)
    return phantom


def _stroke(entry: Entry, center: Center, brain: Brain, seed: int, rng: np.random.Generator) -> Stroke | None:
    """The entry's stroke; annotated subjects share out the ranks of the center's volumes, others repeat one."""
    if entry.kind == "control":
        return None
    rank = entry.rank if entry.rank >= 0 else int(rng.integers(entry.ranks))
    order = np.random.default_rng((seed, _CENTER_NUMBER[entry.center], 0, 2)).permutation(entry.ranks)
    volume = lesion_volume_ml(center.lesion_ml, int(order[rank]), entry.ranks)
    clot = center.thrombus_ml * float(np.exp(rng.normal(-0.06, 0.35)))
    return draw_stroke(brain, center, volume, clot, rng)


def _truth(session: Session) -> dict[str, Any]:
    entry, stroke = session.entry, session.stroke
    truth: dict[str, Any] = {
        "id": entry.id,
        "patient": entry.patient,
        "center": entry.center,
        "kind": entry.kind,
        "person": asdict(session.brain.person),
        "midline_mm": session.shift_mm[0],
        "acquisition": asdict(session.scan),
        "tissues": {name: asdict(tissue) for name, tissue in session.tissues.items()},
        "distractors": session.changes.truth,
        "lesion": None,
        "thrombus": None,
    }
    if stroke is not None:
        truth["lesion"] = {
            "kind": stroke.kind,
            "phase": stroke.phase,
            "side": stroke.side,
            "site": stroke.site,
            "adc_ratio": stroke.adc_ratio,
            "t2_ratio": stroke.t2_ratio,
            "requested_ml": stroke.requested_ml,
            "simulated_ml": stroke.simulated_ml,
            "seeds": stroke.components,
        }
    if stroke is not None and stroke.clot is not None:
        truth["thrombus"] = {
            "site": stroke.site,
            "side": stroke.side,
            "requested_ml": stroke.clot_ml,
            "radius_mm": stroke.clot_radius_mm,
        }
    return truth
