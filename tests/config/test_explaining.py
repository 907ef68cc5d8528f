"""Whatever is wrong with a value, the message is ours: where, what would be right, what was given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError, create_model

from study.config import Config, Section, validate
from study.config.explaining import explained, relocated
from study.config.fields import section_of, settings_of
from study.config.validation import validate_section
from study.errors import ConfigError

PYDANTIC = re.compile(
    r"Input should|Value error|Field required|permitted|unable to|valid (?:integer|number|string|bool)"
)
WRONG: list[Any] = [
    None, "", "x", "a,b", -1, 0, 0.5, 10**12, -(10**400), 1e999, float("nan"), True, b"\xff", [], [[]], ["x"], [1],
    [None], [0, 0, 0], ["x", "x"], list(range(200)), {}, {"x": 1}, {1: 2}, {"x": {"y": []}}, object(), Path("x"),
    "9" * 300,
]  # fmt: skip


def nested(path: str, value: Any) -> dict[str, Any]:
    *above, last = path.split(".")
    content = {last: value}
    for name in reversed(above):
        content = {name: content}
    return content if path == "study" else {**content, "study": {"name": "x", **content.get("study", {})}}


def sections(section: type[Any] = Config, above: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        if (inner := section_of(field)) is not None:
            yield f"{above}{name}"
            yield from sections(inner, f"{above}{name}.")


def mistakes() -> Iterator[tuple[ValidationError, list[str]]]:
    """Every wrong value at every setting and section, with pydantic's account of it and ours."""
    for path in [*(path for path, _ in settings_of(Config)), *sections()]:
        for value in WRONG:
            content = nested(path, value)
            try:
                Config.model_validate(content)
            except ValidationError as error:
                with pytest.raises(ConfigError) as caught:
                    validate(content)
                yield error, list(caught.value.problems)


def test_no_mistake_is_told_in_pydantic_s_words_and_each_has_its_path() -> None:
    types: Counter[str] = Counter()
    for error, problems in mistakes():
        types.update(detail["type"] for detail in error.errors())
        assert problems
        for problem in problems:
            assert not PYDANTIC.search(problem), problem
            assert "\n" not in problem
            where, _, what = problem.partition(": ")
            assert what, problem
            assert where.partition(".")[0] in Config.model_fields, problem
    assert {
        "bool_parsing", "bool_type", "dict_type", "extra_forbidden", "finite_number", "float_parsing", "float_type",
        "greater_than", "greater_than_equal", "int_from_float", "int_parsing", "int_type", "less_than",
        "less_than_equal", "literal_error", "missing", "model_type", "path_type", "plain", "string_type", "too_long",
        "too_short", "tuple_type", "value_error",
    } <= set(types)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trainer.epochs", "abc", "trainer.epochs: must be a whole number, at least 1, got 'abc'"),
        ("trainer.epochs", 2**31, "trainer.epochs: must be a whole number, at least 1, below 2147483648, "
         "got 2147483648"),
        ("trainer.epochs", None, "trainer.epochs: must be a whole number, at least 1, got null"),
        ("trainer.learning_rate", "", "trainer.learning_rate: has no value; it must be a number, above 0, at most 1"),
        ("trainer.precision", "fp61", "trainer.precision: must be one of auto, fp32, bf16, fp16, got 'fp61'; "
         "did you mean fp16?"),
        ("trainer.deterministic", "maybe", "trainer.deterministic: must be true or false, got 'maybe'"),
        ("model.patch_size", [64, 64], "model.patch_size: must be a list of 3 whole numbers, each at least 1, or null, "
         "got [64, 64]"),
        ("model.patch_size", [64, 64, 0], "model.patch_size: entry 3 must be a whole number, at least 1, got 0"),
        ("model.recurrent.kernel_size", 2, "model.recurrent.kernel_size: must be one of 1, 3, 5, 7, got 2"),
        ("cohort.modality_aliases", {"SWAN": {"a": 1}}, "cohort.modality_aliases.SWAN: must be a list of names, "
         "got {a: 1}"),
        ("cohort.modality_aliases", {"SWAN": [None]}, "cohort.modality_aliases.SWAN: entry 1 must be text, got null"),
        ("cohort.sources", ["phantm"], "cohort.sources: must be one of bids, brats2018, brats2023, isbi2015, "
         "isles2022, jhu, manifest, nnunet, phantom, umcl, got 'phantm'; did you mean phantom?"),
        ("cohort.modalities", [], "cohort.modalities: must be a list of names, not empty, got []"),
        ("objective", "full", "objective: is a section; set its keys, such as objective.full, got 'full'"),
        ("search_space", 3, "search_space: must be a mapping, {name: value}, got 3"),
        ("study.name", "Müller 2", "study.name: must consist of letters without accents, digits, '.', '_' and '-', and "
         "begin with a letter or a digit, got 'Müller 2'; Muller-2 would do"),
        ("study.name", "studies/first", "study.name: must be a name, got the path 'studies/first'; write "
         "study.name=first study.root=studies"),
        ("trainer.epoch", 3, "trainer.epoch: no such key; did you mean trainer.epochs?"),
        ("train.epochs", 3, "train.epochs: no such key; did you mean trainer.epochs?"),
        ("epochs", 3, "epochs: no such key; did you mean trainer.epochs?"),
        ("lesion.zz", 3, "lesion.zz: no such key; lesion has source, path"),
        ("cluster", "x", "cluster: must be local, auto (on a machine of a cluster, or within `ray job submit`), or the "
         "address host:port of a cluster's head, got 'x'"),
    ],
)  # fmt: skip
def test_a_message_says_where_what_would_be_right_and_what_was_given(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(nested(path, value))
    assert caught.value.problems == (message,)


def test_what_is_required_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^study\.name: required and not given$"):
        validate({"study": {}})


def test_an_endless_value_is_not_repeated_in_full() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(nested("trainer.epochs", "x" * 5000))
    assert len(str(caught.value)) < 200


@dataclass(frozen=True)
class Theirs:
    width: Annotated[int, Field(ge=1)]
    kinds: tuple[str, ...] = ()


def test_own_settings_of_a_package_s_part_are_told_in_our_words_too() -> None:
    wanted = create_model("Wanted", theirs=(Theirs, ...))
    with pytest.raises(ValidationError) as caught:
        wanted.model_validate({"theirs": {"width": 0, "kinds": 3}})
    assert explained(wanted, caught.value) == [
        "theirs.width: must be a whole number, at least 1, got 0",
        "theirs.kinds: must be a list of names, got 3",
    ]
    details = relocated(wanted, caught.value, "settings")
    assert [detail["loc"] for detail in details] == [
        ("settings", "theirs", "width"),
        ("settings", "theirs", "kinds"),
    ]


@dataclass(frozen=True)
class Ours:
    many: tuple[Theirs, ...] = ()


def test_records_in_a_list_are_told_with_their_places() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Ours).validate_python({"many": [{"width": 1}, {"width": 0}, {"width": 1, "kinds": [1]}]})
    assert explained(Ours, caught.value) == [
        "many.1.width: must be a whole number, at least 1, got 0",
        "many.2.kinds: entry 1 must be text, got 1",
    ]


def test_content_of_a_type_that_is_not_known_is_refused_in_our_words_all_the_same() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, int] | list[int]).validate_json('{"a": "x"}')
    assert all("is no legal value, got" in line for line in explained(Any, caught.value))
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_json("{")
    assert explained(Any, caught.value) == ["is not JSON"]


class Two(Section):
    trial: Annotated[int, Field(ge=0)] | bool | None = None
    out: str = ""


def test_one_of_several_types_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        validate_section(Two, {"trial": "some"})
    assert caught.value.problems == (
        "trial: must be a whole number, at least 0, or true or false, or null, got 'some'",
    )


def test_an_unknown_key_may_be_meant_for_one_that_the_section_does_not_have() -> None:
    with pytest.raises(ConfigError, match="tril: no such key; did you mean trial"):
        validate_section(Two, {"tril": 1})
    with pytest.raises(ConfigError, match=r"cohort\.unsen: no such key; did you mean cohort\.unseen"):
        validate_section(Two, {"cohort": {"unsen": 1}}, ["cohort.unseen"])
