"""A draft of the methods paragraph, and the items of CLAIM 2024 and TRIPOD+AI that the study can fill."""

from __future__ import annotations

from collections import Counter
from importlib import metadata

from analysis.report.content import Section
from analysis.report.sections.hygiene import objective_in_words
from analysis.report.view import StudyView
from analysis.report.words import counted, listed, setting
from analysis.tables import Column, Table
from study.config import CohortConfig, Config
from study.evaluation.metrics import METRICS
from study.records.goals import GOALS, rule_in_words

YOURS = "to be written by you"


def methods(view: StudyView) -> Section:
    """The draft and the items; what only people know is said to be theirs."""
    facts = _facts(view)
    draft = " ".join(
        facts[key] for key in ("data", "split", "preparation", "model", "training", "search", "testing")
    )
    return Section(
        "methods",
        "Draft of the methods",
        (
            "A draft from the study's records, to be checked and completed; references are those of the "
            "documentation.",
            draft,
        ),
        tables=(
            _checklist(
                "claim", "CLAIM 2024 (Tejani et al. 2024): items that the study can fill", CLAIM, facts
            ),
            _checklist(
                "tripod", "TRIPOD+AI (Collins et al. 2024): items that the study can fill", TRIPOD, facts
            ),
        ),
    )


# Item, what it asks for, and the facts that fill it; all other items are about people, ethics and funding.
CLAIM = (
    ("4", "aims", ("question",)),
    ("7", "data sources", ("data",)),
    ("9", "data preprocessing", ("preparation",)),
    ("10", "selection of data subsets", ("subsets",)),
    ("11", "de-identification", ("privacy",)),
    ("12", "how missing data were handled", ("missing",)),
    ("19", "how data were assigned to partitions", ("split",)),
    ("20", "level at which partitions are disjoint", ("disjoint",)),
    ("21", "size of the test set", ("sizes",)),
    ("22", "description of the model", ("model",)),
    ("23", "software", ("software",)),
    ("24", "initialization of the parameters", ("start",)),
    ("25", "training approach", ("training", "search")),
    ("26", "selection of the final model", ("selection",)),
    ("27", "ensembling", ("ensembling",)),
    ("28", "metrics of performance", ("metrics",)),
    ("29", "measures of significance and uncertainty", ("uncertainty",)),
    ("32", "evaluation on internal data", ("internal",)),
    ("33", "testing on external data", ("external",)),
    ("35", "numbers included and excluded", ("sizes", "excluded")),
    ("37", "performance and its uncertainty", ("results",)),
    ("39", "failure analysis", ("worst",)),
)
TRIPOD = (
    ("4", "objectives", ("question",)),
    ("5a", "sources of data", ("data",)),
    ("6a", "number of centers", ("sizes",)),
    ("7", "data preparation", ("preparation",)),
    ("9b", "predictors: modalities", ("modalities",)),
    ("11", "missing data", ("missing",)),
    ("12a", "partitioning of data", ("split", "disjoint")),
    ("12c", "model, tuning and internal validation", ("model", "training", "search")),
    ("12d", "heterogeneity between centers", ("heterogeneity",)),
    ("12e", "measures of performance", ("metrics", "uncertainty")),
    ("12g", "how predictions are made", ("code",)),
    ("15", "output of the model", ("output",)),
    ("16", "differences of development and evaluation data", ("external",)),
    ("18f", "code", ("code",)),
    ("21", "numbers in each analysis", ("sizes",)),
    ("22", "full model", ("code",)),
    ("23a", "performance with intervals", ("results",)),
    ("23b", "heterogeneity of performance", ("heterogeneity",)),
)


def _checklist(
    name: str, title: str, items: tuple[tuple[str, str, tuple[str, ...]], ...], facts: dict[str, str]
) -> Table:
    lines = tuple((item, asked, " ".join(facts[key] for key in keys)) for item, asked, keys in items)
    return Table(
        name,
        title,
        (Column("item", "item"), Column("asks_for", "asks for"), Column("text", "what the study says")),
        lines,
        (
            f"Items that are not listed are {YOURS}. Items are named in short; the checklist's own words count.",
        ),
    )


def _facts(view: StudyView) -> dict[str, str]:
    """Sentences that several items share, by what they are about."""
    return {**_data_facts(view), **_training_facts(view), **_testing_facts(view)}


def _data_facts(view: StudyView) -> dict[str, str]:
    config, prepared = view.config, view.prepared
    cohort, imaging = config.cohort, config.imaging
    splits = prepared.splits if prepared else None
    centers = Counter(subject.facts.center for subject in prepared.used) if prepared else Counter[str]()
    spacing = " × ".join(f"{side:g}" for side in prepared.spacing_mm) if prepared else "–"
    unseen = f"; {listed(cohort.unseen)} took no part in training or selection" if cohort.unseen else ""
    sizes = (
        f"{len(splits.train)} subjects for training, {len(splits.validation)} for validation, "
        f"{len(splits.test)} of seen "
        f"centers and {len(splits.unseen)} of unseen centers for testing."
        if splits
        else "The scans have not been prepared yet."
    )
    imputed = "no image is imputed"
    if config.imputes:
        b = config.imputation.b_value_s_mm2
        imputed = (
            "one of DWI, ADC and B0 that is not given is computed from the other two (Stejskal-Tanner, b = "
            f"{b:g} s/mm²) where imputation.kind is physics"
        )
    return {
        "question": f"To segment the {cohort.target} from {listed(cohort.modalities)}, also where modalities "
        "are missing.",
        "data": f"MRI ({listed(cohort.modalities)}) of {counted(sum(centers.values()), 'subject')} from "
        f"{counted(len(centers), 'center')} ({listed(sorted(centers))}) was used{unseen}.{_simulated(cohort)}",
        "modalities": f"Modalities: {listed(cohort.modalities)}.",
        "split": f"Subjects were split by patient, stratified by center (seed {cohort.splits.seed}): {sizes}",
        "disjoint": "Partitions are disjoint by patient, and unseen centers are disjoint by center.",
        "sizes": sizes,
        "excluded": f"{counted(prepared.skipped if prepared else 0, 'subject')} with problems left out.",
        "subsets": f"Availability subsets: {config.evaluation.subsets}.",
        "privacy": "Records and tables call subjects by pseudonyms; their key stays in the study's folder.",
        "missing": "An absent modality is a channel of zeros after normalisation, in training and in testing; "
        f"{imputed}.",
        "preparation": f"Scans were brought to the grid of one modality (registration: {imaging.registration}), "
        "cropped "
        f"to the brain, resampled to {spacing} mm and normalised ({imaging.normalisation}).",
    }


def _simulated(cohort: CohortConfig) -> str:
    """That scans are simulated, and that a training showed others than are counted; nothing of real ones."""
    if "phantom" not in cohort.sources:
        return ""
    if not cohort.phantom.stream:
        return " These scans are simulated."
    return (
        f" These scans are simulated; every {cohort.phantom.stream_every} iterations of a training, a simulated "
        "training subject was replaced by a new one of its center."
    )


def _training_facts(view: StudyView) -> dict[str, str]:
    config, winner = view.config, view.winner
    own = config.with_values(winner.searched) if winner else config
    dropout, trainer = own.modality_dropout, own.trainer
    faded = (
        f"{listed(dropout.droppable)} {'was' if len(dropout.droppable) == 1 else 'were each'} drawn to be "
        f"dropped ({dropout.policy}, probability "
        f"{dropout.drop_probability:.3g}) and then multiplied by g, which falls by the schedule "
        f"{own.schedule.shape} from "
        f"{own.schedule.start:g} to {own.schedule.end:g}."
        if dropout.droppable
        else "No modality was dropped."
    )
    searched = sorted({path for trial in view.trials for path in trial.searched} - {"study.seed"})
    states = listed([f"{number} {state}" for state, number in sorted(view.ranking.states.items())])
    searching = (
        f"{listed(searched)} were searched in {counted(config.study.trials, 'trial')} by Optuna "
        f"({config.tuning.sampler}; "
        f"scheduler {config.tuning.scheduler}), of which {states or 'none'}."
        if searched
        else "No setting was searched."
    )
    chosen = (
        f"{_winner(config)}, {objective_in_words(config)}, on validation subjects of seen centers, "
        "with post-processing that was cross-fitted on them."
    )
    return {
        "model": f"The network is {own.model.name}, with {listed(own.inputs)} as its input channels{_computed(own)}.",
        "start": f"Weights start {'from another study' if own.transfer.source else 'at random'}, seed "
        f"{config.study.seed}.",
        "training": f"It was trained for {trainer.epochs} epochs of {trainer.iterations_per_epoch} iterations, "
        "batch size "
        f"{trainer.batch_size}, learning rate {trainer.learning_rate:.3g}. {faded}",
        "search": f"{searching} {chosen}",
        "selection": chosen,
        "ensembling": "None.",
        "software": f"Fadeout {metadata.version('fadeout')}, PyTorch {metadata.version('torch')}, Optuna "
        f"{metadata.version('optuna')}, Ray {metadata.version('ray')}.",
        "code": "python -m study.export writes weights, settings, post-processing and a model card as one "
        "bundle, from "
        "which python -m study.predict segments new scans.",
        "output": "A probability for each voxel, and a mask after post-processing"
        + (f": {_chains(view)}." if winner else "."),
    }


def _computed(config: Config) -> str:
    """What the network sees besides its modalities."""
    if not config.channels:
        return ""
    return (
        f", and {listed(config.channels)}, computed from these before normalisation (b = "
        f"{config.imputation.b_value_s_mm2:g} s/mm²) and given where what they are computed from is"
    )


def _winner(config: Config) -> str:
    if not config.objective.front:
        return "The trial with the highest objective won"
    goals = listed([GOALS[goal] for goal in config.objective.front])
    return (
        f"Several goals were searched for ({goals}), and {rule_in_words(config.objective)} won; "
        "the objective for stopping and post-processing was"
    )


def _testing_facts(view: StudyView) -> dict[str, str]:
    config, average = view.config, view.method.name
    unseen = config.cohort.unseen
    others = dict.fromkeys(one.title for one in METRICS.values() if one is not METRICS["dice"])
    uncertainty = (
        f"Averages are the {average} with 95 % intervals "
        f"({ {'subjects': 'Student', 'centers': 'Welch'}[view.method.average] }'s "
        "t); none is given for fewer than 5 subjects. Systems are compared on the same subjects by Wilcoxon's "
        "signed-rank "
        "test, adjusted after Holm."
    )
    external = (
        f"{listed(unseen)}: never trained or chosen on; other scanners, protocols and missing modalities than "
        "at seen "
        "centers are not adjusted for."
        if unseen
        else "No center was held out."
    )
    results = "The tables of the section center by center." if view.tables else "No trial is complete yet."
    return {
        "testing": f"Test subjects were scored once, with all modalities they have and with each droppable one "
        "removed. "
        f"{uncertainty}",
        "metrics": f"Dice; also, for each subject, {listed(list(others))}. {view.method.empty_masks}",
        "uncertainty": uncertainty,
        "internal": "Test subjects of seen centers, of patients who were neither trained nor chosen on.",
        "external": external,
        "heterogeneity": "Results are given for each center; with 5 or more unseen centers, also an interval "
        "for others "
        "like them.",
        "results": results,
        "worst": "The best, median and worst subject of each center are shown; Dice by size of the target is "
        "tabulated.",
    }


def _chains(view: StudyView) -> str:
    words = view.winner.folder.fits.chains.in_words() if view.winner else {}
    return "; ".join(f"{whom}: {', '.join(steps)}" for whom, steps in words.items()) or setting("none")
