"""What metrics are where a mask is empty, as every table says it below."""

from __future__ import annotations

from collections.abc import Sequence

from study.evaluation.metrics import EmptyDice, IfEmpty, MetricFacts

COUNTED = "Counts, sizes and volumes are 0 where there is nothing to count."
ORDER: tuple[IfEmpty, ...] = ("1", "0", "none")  # in a sentence
SETTING: dict[EmptyDice, IfEmpty] = {"one": "1", "nan": "none"}


def empty_masks(metrics: Sequence[MetricFacts], empty_dice: EmptyDice) -> str:
    """Sentences about both masks being empty, and each of them alone; "" for metrics that are not of masks.

    Args:
        metrics: those that a table shows.
        empty_dice: Dice where both masks are empty.
    """
    of_masks = [(one.title, one.empty) for one in metrics if one.empty is not None]
    both = _said([(title, empty.both) for title, empty in of_masks], empty_dice)
    reference = _said([(title, empty.reference) for title, empty in of_masks], empty_dice)
    prediction = _said([(title, empty.prediction) for title, empty in of_masks], empty_dice)
    cases = [("both masks are empty", both)]
    if reference == prediction:
        cases.append(("only one of the masks is", reference))
    else:
        cases += [("only the reference is", reference), ("only the prediction is", prediction)]
    sentences = [f"Where {where}, {said}." for where, said in cases if said]
    counted = any("counted" in empty for _, empty in of_masks)
    return " ".join([*sentences, *([COUNTED] if counted else [])])


def _said(values: Sequence[tuple[str, IfEmpty]], empty_dice: EmptyDice) -> str:
    """`Dice and PPV are 0, and HD95 has no value`; "" where all is counted."""
    alike: dict[IfEmpty, list[str]] = {}
    for title, value in values:
        alike.setdefault(SETTING[empty_dice] if value == "setting" else value, []).append(title)
    parts = [_are(alike[value], value) for value in ORDER if value in alike]
    return f"{', '.join(parts[:-1])}, and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _are(titles: Sequence[str], value: IfEmpty) -> str:
    named = " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]]))
    several = len(titles) > 1
    if value == "none":
        return f"{named} {'have' if several else 'has'} no value and {'are' if several else 'is'} left out"
    return f"{named} {'are' if several else 'is'} {value}"
