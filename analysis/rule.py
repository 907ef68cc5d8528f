"""The winner of a study against a rule without training: what a network adds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.cases import Cases
from analysis.cross_center import CENTERS, REMOVED, cross_center_table
from analysis.mirrored import mirrored_name
from analysis.pairing import contrast, difference_table

if TYPE_CHECKING:
    from analysis.method import Method
    from analysis.tables import Table
    from study.records import Ranking
    from study.records.rule import RuleResult

AGAINST_RULE = "winner_rule"  # the name of the table
FITTED = (
    "The rule's limits are fixed; the post-processing of its probabilities, which moves both limits together, was "
    "fitted on validation subjects like a trial's."
)


def rule_tables(ranking: Ranking, method: Method) -> list[Table]:
    """The rule by center and modalities, and the winner against it on the same test subjects.

    None without a rule; the first alone while no winner can be named.
    """
    result = ranking.folder.rule.result.read_if_there()
    if result is None:
        return []
    own = ranking.folder.rule.rows.read()
    by_center = cross_center_table(own, method)
    title = f"A rule without training ({in_words(result)}). {by_center.title}"
    tables = [replace(by_center, name="rule_cross_center", title=title, notes=(*by_center.notes, FITTED))]
    if ranking.no_winner is not None:
        return tables
    winners = ranking.winning_rows()
    first, second = (dict(Cases.of(rows).groups()) for rows in (winners, own))
    contrasts = [
        contrast((group.centers, group.removed), [first[group]], [second[group]], method, beyond=group.unseen)
        for group in sorted(first.keys() & second.keys())
    ]
    shown = [one for one in contrasts if one.difference.estimate.n]
    if shown:
        winner = mirrored_name(f"trial {ranking.winner.number}", winners)
        heading = f"The winner ({winner}) against the rule without training, on the same test subjects"
        columns = (CENTERS, REMOVED)
        tables.append(difference_table(AGAINST_RULE, heading, (winner, "rule"), columns, shown, method))
    return tables


def in_words(result: RuleResult) -> str:
    """What the rule asks of a voxel."""
    return f"DWI at least {result.contrast:g} times its local mean, ADC at most {result.adc:g}·10⁻³ mm²/s"
