"""YAML and overrides that make more than anybody writes by hand are refused, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.commandline.bounded_yaml import check_yaml, load_yaml
from study.commandline.composition import compose
from study.errors import ConfigError, FadeoutError

NINE = "[{}]".format(",".join(["*{0}"] * 9))
LAUGHS = "a: &a 1\n" + "".join(
    f"{name}: &{name} {NINE.format(before)}\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "it holds more than 10000 values, counting what aliases"),
        ("- 1\n" * 10_001, "it holds more than 10000 values"),
        ("a: &a [*a]", r"\*a stands for something that it is a part of"),
        ("a: &a {b: {c: *a}}", r"\*a stands for something that it is a part of"),
        ("a: *b", r"\*b stands for .* nothing"),
        ("[" * 51 + "]" * 51, "it is nested more than 50 levels"),
        ("[" * 5000, "it is nested more than 50 levels"),
        ("a: " + "9" * 6000, "a value has more than 4000 characters"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_built(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^mine.yaml: {words}"):
        check_yaml(text, "mine.yaml")


@pytest.mark.parametrize(
    "text", ["", "a: &a [1, 2]\nb: [*a, *a]", "- 1\n" * 9_000, "[" * 50 + "]" * 50, "a: [", "a: &x 1\nb: *x"]
)
def test_what_people_write_passes_and_so_does_what_is_no_yaml(text: str) -> None:
    check_yaml(text, "mine.yaml")


def test_aliases_count_as_often_as_they_are_used() -> None:
    """A map, 2 keys, a list and its 100 values (101), and a list of n aliases of it: 105 + 101 n values."""
    text = "a: &a [{}]\nb: [{}]"
    check_yaml(text.format(",".join(["1"] * 100), ",".join(["*a"] * 97)), "mine.yaml")
    with pytest.raises(ConfigError):
        check_yaml(text.format(",".join(["1"] * 100), ",".join(["*a"] * 98)), "mine.yaml")


def test_a_file_is_read_or_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("a: &a [1, 2]\nb: *a\n")
    assert load_yaml(path) == {"a": [1, 2], "b": [1, 2]}
    for content, words in (
        (b"\xfc", "is not UTF-8"),
        (b"a: [", "is not YAML"),
        (b"x" * 10**6 + b"x", "is larger than 1000000 bytes"),
        (b"a: !!python/name:os.system", "is not YAML"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"mine\.yaml[^:]*: {words}"):
            load_yaml(path)
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read"):
        load_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    "content", [LAUGHS, "a: &a [*a]", "[" * 3000, "trainer: {epochs: " + "9" * 6000 + "}"]
)
def test_every_file_of_a_user_s_folder_is_bounded(tmp_path: Path, content: str) -> None:
    (tmp_path / "search_space").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "deep.yaml").write_text(content)
    (tmp_path / "search_space" / "direct.yaml").write_text(content)
    (tmp_path / "search_space" / "indirect.yaml").write_text("defaults:\n  - /mine: deep\n")
    for choice, file in (("direct", "direct.yaml"), ("indirect", "deep.yaml")):
        with pytest.raises(ConfigError, match=file) as error:
            compose(["--config-dir", str(tmp_path), f"search_space={choice}"])
        assert len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("x=" + "[" * 1000 + "]" * 1000, "nested too deeply"),
        ("x=" + "{a: " * 300 + "1" + "}" * 300, "nested too deeply"),
        ("x=" + "[" * 3000 + "]" * 3000, "more than 4000 characters"),
        ("trainer.epochs=" + "9" * 6000, "more than 4000 characters"),
        (
            "trainer.epochs=" + "9" * 400,
            "trainer.epochs: must be a whole number, at least 1, below 2147483648",
        ),
        ("x." * 3000 + "y=1", "more than 50 parts"),
    ],
)
def test_overrides_of_absurd_size_are_refused(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        compose([override])


PIECES = st.sampled_from(
    ["a", "trainer", "epochs", ":", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "&a ", "*a", "<<: *a", "!!int ",
     "'", '"', "|", ">", "? ", "#", "%", "@", "9" * 5000, "1e999", ".nan", "0x", "1:1", "null", "~", "${a}", "\t",
     "\0", "\x85", "é", "type: float, low: 0, high: ", "defaults:\n  - ", "trainer:\n  learning_rate: "]
)  # fmt: skip


@settings(
    max_examples=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(st.lists(PIECES, max_size=12), st.booleans())
def test_any_file_composes_or_is_refused(tmp_path: Path, pieces: list[str], override: bool) -> None:
    (tmp_path / "search_space").mkdir(exist_ok=True)
    text = "".join(pieces)
    (tmp_path / "search_space" / "any.yaml").write_text(text)
    arguments = (
        [f"trainer.settings={text}"] if override else ["--config-dir", str(tmp_path), "search_space=any"]
    )
    try:
        told = compose(arguments).study.name
    except FadeoutError as error:
        told = str(error)
    assert told
