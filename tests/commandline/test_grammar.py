"""Arguments as users type them, with their mistakes: each is answered with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.commandline.grammar import Typed, parse
from study.commandline.vocabulary import Vocabulary
from study.errors import ConfigError

KNOWN = Vocabulary(
    ["trainer.epochs", "cohort.path", "cohort.unseen", "resume", "dry_run", "trainer.deterministic"],
    ["resume", "dry_run", "trainer.deterministic"],
    {"search_space": ["gradual", "none"], "schedule": ["linear", "none"]},
    ["--cfg", "--config-dir"],
)


def refused(*arguments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(arguments, KNOWN)
    return list(caught.value.problems)


def test_the_value_is_what_stands_behind_the_first_equals_sign() -> None:
    typed = parse(["cohort.path=/a b/é=1.csv", "trainer.epochs=3", "Label of mine=x"], KNOWN)
    assert typed.pairs == {"cohort.path": "/a b/é=1.csv", "trainer.epochs": "3", "Label of mine": "x"}
    assert list(typed.pairs) == ["cohort.path", "trainer.epochs", "Label of mine"]


@pytest.mark.parametrize("where", [["--config-dir", "{}"], ["--config-dir={}"]])
def test_options_may_stand_anywhere(tmp_path: Path, where: list[str]) -> None:
    arguments = ["resume=true", *(part.format(tmp_path) for part in where), "--cfg", "job", "dry_run=true"]
    assert parse(arguments, KNOWN) == Typed({"resume": "true", "dry_run": "true"}, [tmp_path], True)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("trainer.epochs = 3", "trainer.epochs = 3: written apart; leave out the spaces: trainer.epochs=3"),
        ("trainer.epochs= 3", "trainer.epochs= 3: written apart; leave out the spaces: trainer.epochs=3"),
        ("trainer.epochs =3", "trainer.epochs =3: written apart; leave out the spaces: trainer.epochs=3"),
        ("trainer.epochs 3", "trainer.epochs 3: not key=value; write trainer.epochs=3"),
        ("trainer.epochs", "trainer.epochs: not key=value; write trainer.epochs=VALUE"),
        ("trainer.epochs:3", "trainer.epochs:3: not key=value; write trainer.epochs=3"),
        ("trainer.epohcs", "trainer.epohcs: not key=value; did you mean trainer.epochs=…?"),
        ("trainer.epochs=", "trainer.epochs: has no value; write trainer.epochs=VALUE, or leave it out"),
        ("=3", "=3: has no key before the equals sign; write key=value"),
        ("--trainer.epochs 3", "--trainer.epochs: not an option; write trainer.epochs=3"),
        ("--trainer.epochs=3", "--trainer.epochs=3: not an option; write trainer.epochs=3"),
        ("--dry-run", "--dry-run: not an option; write dry_run=true"),
        ("--search_space gradual", "--search_space: not an option; write search_space=gradual"),
        ("--hepl", "--hepl: no such option; there are --help, --cfg, --config-dir, and key=value; "
         "did you mean --help?"),
        ("–resume", "–resume: not an option; write resume=true"),
        ("--epochs 3", "--epochs: no such option; there are --help, --cfg, --config-dir, and key=value; "
         "did you mean trainer.epochs=…?"),
        ("resume", "resume: not key=value; write resume=true"),
        ("resmue", "resmue: not key=value; did you mean resume=true?"),
        ("gradual", "gradual: not key=value; did you mean search_space=gradual?"),
        ("none", "none: not key=value; did you mean search_space=none or schedule=none?"),
        ("xyz", "xyz: not key=value; --help lists the keys"),
        ("+trainer.epochs=3", "+trainer.epochs=3: write trainer.epochs=3, without +"),
        ("~schedule=linear", "~schedule=linear: write schedule=linear, without ~"),
        ("--cfg hydra", "--cfg: write --cfg job, which prints the configuration"),
        ("--config-dir nowhere", "--config-dir: no such folder: nowhere"),
        ("--config-dir", "--config-dir: no such folder: (none given)"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_what_to_write(arguments: str, answer: str) -> None:
    assert refused(*arguments.split(" ")) == [answer]


def test_a_key_is_given_once() -> None:
    assert refused("trainer.epochs=3", "trainer.epochs=4") == [
        "trainer.epochs: given twice, as 3 and as 4; leave one of them out"
    ]
    assert parse(["resume=true", "resume=true"], KNOWN).pairs == {"resume": "true"}  # of a script, and typed


def test_what_the_shell_has_split_is_put_together_in_quotes() -> None:
    assert refused("cohort.unseen=[CHU", "Lille,", "Nice]", "resume=true") == [
        "cohort.unseen=[CHU Lille, Nice]: the shell has split it at its spaces; write 'cohort.unseen=[CHU Lille, Nice]'"
    ]
    assert refused("cohort.path=/my", "scans/of", "mine.csv", "resume=true") == [
        "scans/of mine.csv: not key=value; if it belongs to cohort.path, write 'cohort.path=/my scans/of mine.csv'"
    ]


def test_spaces_within_one_argument_are_told() -> None:
    [problem] = refused("trainer.epochs = 3")
    assert problem == "trainer.epochs = 3: has spaces around the equals sign; write trainer.epochs=3"


def test_every_mistake_is_told_at_once() -> None:
    assert [
        line.partition(":")[0] for line in refused("xyz", "--resume", "trainer.epochs=", "cohort.path=a")
    ] == [
        "xyz",
        "--resume",
        "trainer.epochs",
    ]


def test_a_command_without_choices_has_no_such_options() -> None:
    with pytest.raises(ConfigError, match=r"--cfg: no such option; there are --help, and key=value"):
        parse(["--cfg", "job"], Vocabulary(["out"]))
