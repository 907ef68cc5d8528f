"""The question of a study, and its answer in words with its certainty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analysis.cases import SEEN
from analysis.certainty import certainty_in_words
from analysis.ensemble import ensemble_in_words
from analysis.gains import ALONE, rival_kind
from analysis.rendering import shown_estimate
from analysis.report.content import Point, Section
from analysis.report.view import StudyView, TrialView
from analysis.report.words import counted, given, listed, setting, verdict, where
from analysis.rule import AGAINST_RULE
from analysis.tables import Table
from study.config.modalities import JOINER

LEARNT = 0.01  # a mean Dice below says that nothing was learnt


def answer(view: StudyView) -> Section:
    """The question, whether it is answered yet, and the answer."""
    title, question = "Question and answer", _question(view)
    if view.winner is None:
        return Section("answer", title, (question, _nothing(view)))
    prose = [question]
    if not view.is_over:
        asked = counted(view.config.study.trials, "trial")
        prose.append(
            f"Provisional: {view.ended} of {asked} ended so far; the answer may change until all have."
        )
    more = [_chosen(view, view.winner)]
    if view.certainty is not None:
        more.append(certainty_in_words(view.certainty))
    if (ensemble := ensemble_in_words(view.folder, view.config.objective)) is not None:
        more.append(ensemble)
    points = tuple(_points(view, view.tables["averages"])) if "averages" in view.tables else ()
    if not points:
        prose.append(
            "The study has no test subjects: nothing can be said of patients it has not learnt from."
        )
    elif view.gains is not None and ALONE in view.gains.notes:
        more.append(ALONE)
    return Section("answer", title, tuple(prose), points, tuple(more))


def _question(view: StudyView) -> str:
    cohort, droppable = view.config.cohort, view.config.modality_dropout.droppable
    several = len(view.trials) > 1
    asked = (
        "Which of the settings that were tried segments" if several else "How well does this training segment"
    )
    missing = f" and without {listed(droppable)}" if droppable else ""
    unseen = f", also at {listed(cohort.unseen)}, never seen in training" if cohort.unseen else ""
    return f"{asked} the {cohort.target}{' best' if several else ''} with {listed(cohort.modalities)}{missing}{unseen}?"


def _nothing(view: StudyView) -> str:
    failed = sum(trial.error is not None for trial in view.trials)
    if failed and failed == len(view.trials):
        return f"No answer: all {counted(failed, 'trial')} failed; the reasons are below."
    if not view.complete:
        return "No answer yet: no trial is complete."
    return f"No answer: no winner can be named, because {view.ranking.no_winner}."


def _chosen(view: StudyView, winner: TrialView) -> str:
    values = ", ".join(f"{path} = {setting(value)}" for path, value in sorted(winner.searched.items()))
    ran = f"Trial {winner.number} won, with an objective of {winner.value:.3f} on validation subjects of seen centers"
    if winner.value is not None and winner.value < LEARNT:
        ran += ": nothing was learnt, and what follows holds no answer"
    return f"{ran}. Its settings: {values or 'those of the study'}."


def _points(view: StudyView, averages: Table) -> Iterator[Point]:
    """An answer for each set of removed modalities at unseen centers, or at seen ones where there are no others."""
    verdicts = _verdicts(view)
    lines = [_by_name(averages, row) for row in averages.rows]
    asked = SEEN[False] if any(line["centers"] == SEEN[False] for line in lines) else SEEN[True]
    for line in sorted(lines, key=lambda line: not line["removed"]):  # the hardest question first
        if line["centers"] == asked:
            place = (
                f"At {where(asked, view.config)} {given(line['removed'])}{_had(view, asked, line['removed'])}"
            )
            said = verdicts.get((asked, line["removed"]), "")
            measured = f" ({view.method.name}, 95 % interval, n = {line['n']})"
            yield Point(
                f"{place}: Dice {shown_estimate(line['dice'])}", f"{measured}{f'; {said}' if said else ''}."
            )


def _had(view: StudyView, centers: str, removed: str) -> str:
    """The modalities that subjects had, where it takes saying: ` (DWI+ADC)`."""
    table = view.tables["cross_center"]
    lines = [_by_name(table, row) for row in table.rows]
    had = {line["subset"] for line in lines if (SEEN[line["seen"]], line["removed"]) == (centers, removed)}
    everything = JOINER.join(view.config.cohort.modalities)
    return "" if removed or had == {everything} else f" ({' or '.join(sorted(had))})"


def _verdicts(view: StudyView) -> dict[tuple[str, str], str]:
    """What the winner's differences to its rival and to the rule tell, by centers and removed modalities."""
    compared: list[tuple[Table, str]] = []
    if view.gains is not None and view.ranking.rival is not None:
        compared.append((view.gains, f"{rival_kind(view.ranking)} (trial {view.ranking.rival.number})"))
    compared += [(table, "a rule without training") for table in view.rule if table.name == AGAINST_RULE]
    found: dict[tuple[str, str], str] = {}
    for table, other in compared:
        for line in (_by_name(table, row) for row in table.rows):
            place = (line["centers"], line["removed"])
            said = verdict(line["difference"], line["p"], other)
            found[place] = f"{found[place]}; {said}" if place in found else said
    return found


def _by_name(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: cell for column, cell in zip(table.columns, row, strict=True)}
