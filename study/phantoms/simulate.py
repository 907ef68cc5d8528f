"""One phantom, from its line in the roster to images, masks and truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from study.config import Dirt, Phantom
from study.phantoms.acquisition import draw_acquisition, draw_grid, draw_rotation
from study.phantoms.anatomy import build_brain, draw_person
from study.phantoms.brain import Brain, Person
from study.phantoms.centers import CENTERS, STEP_MM, Center
from study.phantoms.diffusion import add_diffusion
from study.phantoms.dirt import diffusion_grid, soil, soiled, varied
from study.phantoms.distortion import air_field
from study.phantoms.distractors import draw_changes
from study.phantoms.icbm152 import build_icbm152
from study.phantoms.lesions import Stroke, draw_stroke, drawn_volume_ml, lesion_volume_ml
from study.phantoms.roster import PhantomSubject
from study.phantoms.session import Session, Simulation
from study.phantoms.structural import simulate_structural
from study.phantoms.structural_centers import STRUCTURAL
from study.phantoms.susceptibility import add_susceptibility
from study.phantoms.tissue import Tissue, tissues, with_any_contrast

_CENTER_NUMBER = {name: number for number, name in enumerate((*CENTERS, *STRUCTURAL))}
BUILDERS: Mapping[str, Callable[[Person, float, np.random.Generator], Brain]] = {
    "procedural": build_brain,
    "icbm152": build_icbm152,
}


def simulate(subject: PhantomSubject, settings: Phantom) -> Simulation:
    """Simulate one phantom; it depends only on the settings, its center, its number and its generation."""
    size, random, dirt = settings.size, settings.randomisation, settings.dirt
    generator = partial(_generator, subject, settings.seed)

    def build(person: Person, rng: np.random.Generator) -> Brain:
        return BUILDERS[settings.anatomy](person, dirt.step_mm or STEP_MM[size], rng)

    if subject.center in STRUCTURAL:
        return simulate_structural(subject, settings, generator, build)
    center = CENTERS[subject.center]
    body, rng = generator(subject.anatomy, 0), generator(subject.number, 1)
    brain = build(draw_person(body), body)
    air = air_field(brain, body)
    acquisition = draw_acquisition(center, random, rng)
    table = _contrasts(
        tissues(acquisition.field_t, rng, 0.04 + 0.10 * random), settings, generator(subject.number, 4)
    )
    stroke = _stroke(subject, center, brain, generator(0, 2), rng)
    soiling = generator(subject.number, 3)
    if stroke is not None:
        stroke = _soiled_stroke(stroke, subject, brain, dirt, soiling)
    changes, shift = draw_changes(brain, stroke, body), rng.normal(0, (1.5, 6, 8))
    soil(brain, changes, dirt, soiling)
    acquisition = soiled(acquisition, dirt, soiling)
    session = Session(subject, brain, table, stroke, changes, acquisition, dirt, air, shift)
    simulation = Simulation(truth=_truth(session))
    limits = center.small_grids if size == "small" else center.full_grids
    for add, limit in ((add_diffusion, diffusion_grid(limits[0], dirt)), (add_susceptibility, limits[1])):
        rotation = draw_rotation(center.tilt_deg, rng)
        grid = draw_grid(brain, limit, rotation, center.orientation, shift, random, rng)
        if add is add_diffusion or subject.susceptibility:
            add(simulation, session, grid, rng)
    return simulation


def _generator(subject: PhantomSubject, seed: int, number: int, purpose: int) -> np.random.Generator:
    """What one aspect of a subject is drawn from; no two generations share one, nor does the cohort with any."""
    later = (subject.generation,) if subject.generation else ()
    return np.random.default_rng((seed, _CENTER_NUMBER[subject.center], number, purpose, *later))


def _contrasts(table: dict[str, Tissue], settings: Phantom, rng: np.random.Generator) -> dict[str, Tissue]:
    """The subject's tissues; those of a share of the subjects have any contrast."""
    return with_any_contrast(table, rng) if rng.random() < settings.random_contrast else table


def _soiled_stroke(
    stroke: Stroke, subject: PhantomSubject, brain: Brain, dirt: Dirt, rng: np.random.Generator
) -> Stroke | None:
    """The stroke as the dirt has it; None for the annotated subjects that it leaves without a lesion."""
    if subject.kind == "annotated" and rng.random() < dirt.without_lesion:
        return None
    return varied(stroke, brain, rng) if dirt.varied_lesions else stroke


def _stroke(
    subject: PhantomSubject,
    center: Center,
    brain: Brain,
    ranking: np.random.Generator,
    rng: np.random.Generator,
) -> Stroke | None:
    """The subject's stroke; annotated subjects get one rank of the center's volumes each, others repeat a rank.

    In later generations, volumes are anywhere in the range of their rank, so that they never repeat.
    """
    if subject.kind == "control":
        return None
    rank = subject.rank if subject.rank >= 0 else int(rng.integers(subject.ranks))
    own = int(ranking.permutation(subject.ranks)[rank])
    if subject.generation:
        volume = drawn_volume_ml(center.lesion_ml, own, subject.ranks, rng)
    else:
        volume = lesion_volume_ml(center.lesion_ml, own, subject.ranks)
    clot = center.thrombus_ml * float(np.exp(rng.normal(-0.06, 0.35)))
    return draw_stroke(brain, center, volume, clot, rng)


def _truth(session: Session) -> dict[str, Any]:
    subject, stroke = session.subject, session.stroke
    truth: dict[str, Any] = {
        "id": subject.id,
        "patient": subject.patient,
        "center": subject.center,
        "kind": subject.kind,
        "person": asdict(session.brain.person),
        "midline_mm": session.shift_mm[0],
        "acquisition": asdict(session.acquisition),
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
