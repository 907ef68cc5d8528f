"""Names that may mean the same: spelt in two ways, one letter apart, or the closest of several."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_FEWEST_LETTERS = 4  # of a word that a slip can hide in: JHU and JHH are two hospitals
_MOST_LETTERS = 60  # of a name that is compared letter by letter
_SPELT_ALIKE = 0.7  # difflib's ratio; that of DWI and SWI is 0.67
_PARTS = re.compile(r"[^\W_]+")
_WORDS = re.compile(r"\d+|[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")
_LABEL = re.compile(r"\d+|[^\W\d_]|[ivx]+")  # what numbers things: 12, B, iv

Words = tuple[str, ...]


@dataclass(frozen=True)
class Alike:
    """Names that differ so little that they may be one.

    Attributes:
        names: two or more, in alphabetical order.
        difference: between them: "only in case", "by one letter".
    """

    names: tuple[str, ...]
    difference: str


def find_alike(names: Iterable[str]) -> list[Alike]:
    """Names that differ only in case, accents, spaces, punctuation and leading zeros, or by one letter of a word.

    Another number is another name. So is another label (`Center A`, `Site II`), another short word (`JHU`, `JHH`), and
    another letter of three names or more that differ in this letter only (`sitea`, `siteb`, `sitec`).
    """
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        if plain := folded(name):
            spellings[plain].append(name)
    found = [Alike(tuple(some), _differences(some)) for some in spellings.values() if len(some) > 1]
    words = {_words(some[0]): some[0] for some in spellings.values() if len(some[0]) <= _MOST_LETTERS}
    numbered: dict[tuple[str, ...], set[Words]] = defaultdict(set)
    for each in words:
        numbered[tuple(word if _LABEL.fullmatch(word) else "" for word in each)].add(each)
    compared = [several for several in numbered.values() if len(several) > 1]
    pairs = {tuple(sorted(pair)) for several in compared for pair in _one_letter_apart(several)}
    return found + [Alike(tuple(words[each] for each in pair), "by one letter") for pair in sorted(pairs)]


def folded(name: str) -> str:
    """A name without case, accents, spaces, punctuation and leading zeros; numbers stay apart."""
    return _fold(name, _FOLDS)


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that most likely means a name; None if none is close.

    A candidate is close if it has the name among its words (`DWI_b1000` for DWI), begins with it (`T1w` for T1), or is
    spelt much like it.

    Example:
        >>> closest("DWI", ["ADC", "SWI", "DWI_b1000"])
        'DWI_b1000'
        >>> closest("CHU Bordeaux", ["CHU Lyon", "chu bordeau"])
        'chu bordeau'
    """
    plain = folded(name)
    by_fold = {folded(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    having = [fold for fold, candidate in by_fold.items() if plain in map(folded, _PARTS.findall(candidate))]
    longer = [fold for fold in by_fold if len(plain) > 1 and fold.startswith(plain)]
    spelt = get_close_matches(plain, by_fold, 1, _SPELT_ALIKE)
    ordered = [*sorted(having, key=len), *sorted(longer, key=len), *spelt]
    return by_fold[ordered[0]] if ordered else None


def _without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _without_punctuation(name: str) -> str:
    spaced = re.sub(r"[\W_]+", " ", name).strip()
    return re.sub(r"(?<!\d) | (?!\d)", "", spaced)


def _without_zeros(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


_FOLDS: dict[str, Callable[[str], str]] = {
    "accents": _without_accents,
    "case": str.casefold,
    "spaces or punctuation": _without_punctuation,
    "leading zeros": _without_zeros,
}


def _fold(name: str, folds: Collection[str]) -> str:
    for fold in _FOLDS:
        if fold in folds:
            name = _FOLDS[fold](name)
    return name


def _differences(names: Sequence[str]) -> str:
    """In which respects names differ that are the same when folded."""
    if len({unicodedata.normalize("NFC", name) for name in names}) == 1:
        return "only in how they are encoded"
    respects = []
    for fold in _FOLDS:
        others = [other for other in _FOLDS if other != fold]
        if len({_fold(name, others) for name in names}) > 1:
            respects.append(fold)
    return f"only in {' and '.join(respects) or 'how they are written'}"


def _words(name: str) -> Words:
    """The words and numbers of a name, folded; `SiteA` has two."""
    parts = _WORDS.findall(_CAMEL.sub(" ", _without_accents(name)))
    return tuple(_without_zeros(part.casefold()) for part in parts)


def _one_letter_apart(names: Collection[Words]) -> Iterator[tuple[Words, Words]]:
    """Pairs of names with a word that differs by one letter: another one, one more, or two that change places."""
    gaps: dict[Words, list[Words]] = defaultdict(list)
    for words in names:
        for place, word in enumerate(words):
            if len(word) < _FEWEST_LETTERS or _LABEL.fullmatch(word):
                continue
            for index, letter in enumerate(word):
                before, after = word[:index], word[index + 1 :]
                gaps[_replaced(words, place, f"{before}_{after}")].append(words)
                others = [before + after]
                if after and after[0] != letter:
                    others.append(before + after[0] + letter + after[1:])
                for other in others:
                    if (candidate := _replaced(words, place, other)) in names:
                        yield words, candidate
    for alike in gaps.values():
        if len(alike) == 2:  # three or more are numbered by this letter
            yield alike[0], alike[1]


def _replaced(words: Words, place: int, word: str) -> Words:
    return (*words[:place], word, *words[place + 1 :])
