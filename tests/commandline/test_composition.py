import subprocess
import sys
from pathlib import Path

import pytest

from study.commandline.composition import compose, to_yaml
from study.commandline.groups import choices
from study.config import validate
from study.errors import ConfigError


def mistakes(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        compose(arguments)
    return error.value.problems


def test_the_study_is_named_after_its_search_space_unless_it_has_a_name() -> None:
    assert compose(["search_space=none"]).study.name == "none"
    assert compose(["search_space=none", "study.name=mine"]).study.name == "mine"


def test_values_override_what_a_group_chose() -> None:
    config = compose(["schedule=linear", "schedule.start=0.9", "cohort.unseen=[MATAR,JHU]"])
    assert (config.schedule.shape, config.schedule.start) == ("linear", 0.9)
    assert config.cohort.unseen == ("MATAR", "JHU")


def test_a_single_name_is_a_list_of_one_and_centers_may_be_called_by_numbers() -> None:
    assert compose(["cohort.unseen=Klinikum"]).cohort.unseen == ("Klinikum",)
    assert compose(["cohort.unseen=[1,2]"]).cohort.unseen == ("1", "2")
    assert compose(["modality_dropout.droppable=ADC"]).modality_dropout.droppable == ("ADC",)
    assert mistakes("cohort.unseen={a: 1}")


def test_stand_ins_that_a_group_chose_are_replaced_or_taken_back() -> None:
    chosen = ["cohort=phantoms_thrombus"]
    assert compose(chosen).cohort.modality_aliases == {"SWAN": ("SWI",)}
    other = compose([*chosen, "cohort.modality_aliases.SWAN=[T2star]"]).cohort
    assert other.sequences == ("DWI", "SWAN", "PHASE", "T2star")
    none = compose([*chosen, "cohort.modality_aliases.SWAN=[]"]).cohort
    assert none.sequences == none.modalities


def test_a_range_of_a_search_space_is_overridden_like_any_value() -> None:
    space = compose(
        ["search_space=gradual", "search_space.modality_dropout.drop_probability.low=0.3"]
    ).search_space
    assert space["modality_dropout"]["drop_probability"]["low"] == 0.3
    assert "high" in space["modality_dropout"]["drop_probability"]


def test_every_unknown_key_is_named_not_only_the_first() -> None:
    found = mistakes("study.trails=3", "foo=1", "trainer.epochs=-1")
    assert {problem.split(":")[0] for problem in found} == {"study.trails", "foo", "trainer.epochs"}


def test_a_wrong_choice_lists_the_right_ones() -> None:
    (problem,) = mistakes("search_space=gradul")
    assert "gradual" in problem
    assert "none" in problem


def test_beside_a_wrong_choice_other_mistakes_are_told_but_none_that_follow_from_it() -> None:
    typed = (
        "schedule=linar",
        "schedule.shape=stp",
        "trainer.epoch=5",
        "cohort.unseen=[Nice]",
        "trainer.batch_size=x",
    )
    found = mistakes(*typed, "modality_dropout.droppable=[T2]", "study.root=${oc.env:NOWHERE}")
    assert [problem.split(":")[0] for problem in found] == ["schedule", "trainer.batch_size", "trainer.epoch"]


def test_what_is_no_override_is_told() -> None:
    (problem,) = mistakes("trainer.epochs")
    assert problem == "trainer.epochs: not key=value; write trainer.epochs=VALUE"


def test_a_folder_of_ones_own_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "search_space").mkdir()
    text = "trainer:\n  learning_rate: {type: float, low: 0.001, high: 0.01}\n"
    (tmp_path / "search_space" / "mine.yaml").write_text(text)
    config = compose(["--config-dir", str(tmp_path), "search_space=mine"])
    assert config.study.name == "mine"
    assert config.search_space["trainer"]["learning_rate"]["low"] == 0.001
    assert mistakes("--config-dir", str(tmp_path / "absent"))[0].startswith("--config-dir: no such folder")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("trainer:\n\tepochs: 3", "mine.yaml, line 3, column 1: is indented by a tab; indent by spaces"),
        ("trainer: {epochs: 3", "mine.yaml, line 2, column 10: opens a bracket that is not closed, or lacks a "
         "comma behind it; add it"),
        ("trainer: a: b", "mine.yaml, line 2, column 11: has a colon where none can stand; put text that has one in "
         "quotes"),
        ("a: 1\n b: 2", "mine.yaml, line 3, column 3: has a colon where none can stand; put text that has one in "
         "quotes"),
        ("a:\n  b: 1\n c: 2", "mine.yaml, line 4, column 2: is indented otherwise than the lines above; align it with "
         "them"),
        ("a: 'b", "mine.yaml, line 2, column 4: has quotes that are not closed; close them"),
        ("a: @b", "mine.yaml, line 2, column 4: has text that begins with a sign of YAML; put it in quotes"),
        ("a: 1\nb", "mine.yaml, line 3, column 1: is no `key: value`; write one"),
        ("a: 1\na: 2", "mine.yaml, line 3, column 1: has a key twice; leave one of them out"),
        ("defaults:\n  - override /model: nnunett", "--config-dir: a file chooses model=nnunett, which does not exist; "
         "did you mean nnunet?"),
        ("trainer: {epochs: '${trainer.nope}'}", "trainer.epochs: ${…} refers to something that there is not "
         "(Interpolation key 'trainer.nope' not found); correct it"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_of_ones_own_is_one_line_with_its_place(
    tmp_path: Path, content: str, problem: str
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{content}\n")
    [told] = mistakes("--config-dir", str(tmp_path), "experiment=mine")
    assert told.removeprefix(f"{tmp_path}/experiment/") == problem


def test_a_mistake_in_a_file_beside_ours_is_told_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("trainer: {epochs: 3")
    monkeypatch.setattr("search_spaces.DIRECTORY", tmp_path)
    [told] = mistakes("search_space=mine")
    assert told.startswith(f"{tmp_path}/mine.yaml, line 1, column 10: opens a bracket that is not closed")


def test_a_group_is_left_out_by_null() -> None:
    config = compose(["search_space=null", "technique=null", "study.name=x"])
    assert config.search_space == {}
    assert mistakes("search_space=null") == ("study.name: required and not given",)


def test_a_group_takes_one_choice() -> None:
    for several in ("none,gradual", "[none, gradual]"):
        assert mistakes(f"search_space={several}") == (
            f"search_space: takes one choice, got {several}; run the command once for each",
        )


def test_a_mapping_is_merged_into_the_section_of_a_group() -> None:
    config = compose(["trainer={epochs: 3, decay: none}", "trainer.epochs=4", "search_space=none"])
    assert (config.trainer.epochs, config.trainer.decay, config.trainer.optimizer) == (4, "none", "sgd")


def test_text_is_taken_as_it_is_typed() -> None:
    config = compose(
        ["study.name=2024", "cohort.unseen=[1, CHU d'Arc]", "study.root=/tmp/a=b, [é]", "cohort.seen=007"]
    )
    assert (config.study.name, config.cohort.unseen) == ("2024", ("1", "CHU d'Arc"))
    assert config.study.root == Path("/tmp/a=b, [é]")
    assert config.cohort.seen == ("007",)
    assert compose(["evaluation.empty_dice=nan"]).evaluation.empty_dice == "nan"


def test_a_decimal_comma_is_noticed() -> None:
    assert mistakes("trainer.learning_rate=0,01") == (
        "trainer.learning_rate: must be a number, above 0, at most 1, got '0,01'; write 0.01",
    )


def test_the_first_line_of_a_study_can_be_asked_for_twice_only_by_mistake() -> None:
    assert mistakes("trainer.epochs=3", "trainer.epochs=4")[0].startswith(
        "trainer.epochs: given twice, as 3 and as 4"
    )


def test_help_is_no_configuration() -> None:
    assert mistakes("--help") == ("--help: is for the command line; leave it out",)


def test_a_network_of_an_installed_package_is_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs.py").write_text("from models import MODELS\nSPEC = MODELS['unet2d']\n")
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[fadeout.models]\nmynet = theirs:SPEC\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "mynet" in choices()["model"]
    assert compose(["model=mynet", "model.stages=3"]).model.name == "mynet"


def test_every_choice_of_every_group_composes() -> None:
    needs = {
        "isles2022": ["cohort.isles2022.root=x"],
        "phantoms_and_isles2022": ["cohort.isles2022.root=x"],
        "unseen_isles": ["cohort.isles2022.root=x"],
        "manifest": ["cohort.path=x.csv"],
        "bids": ["cohort.bids.root=x"],
        "nnunet_raw": ["cohort.nnunet.root=x"],
        **{name: [f"cohort.{name}.root=x"] for name in ("brats2018", "brats2023", "isbi2015", "jhu", "umcl")},
    }
    for group, names in choices().items():
        space = (
            ["search_space=schedules"] if group == "schedule" else []
        )  # the default space is not for all of them
        for name in names:
            assert compose([f"{group}={name}", *needs.get(name, []), *space]).study.name


def test_printed_yaml_can_be_read_back() -> None:
    from omegaconf import OmegaConf

    config = compose(["search_space=abrupt"])
    assert validate(OmegaConf.to_container(OmegaConf.create(to_yaml(config)))) == config


def test_help_and_the_plan_need_no_heavy_import() -> None:
    heavy = {"torch", "ray", "mlflow", "optuna", "torchio", "monai", "pandas", "scipy.optimize", "matplotlib"}
    code = (
        "import sys, study.run; study.run.main(sys.argv[1:]); "
        f"print('HEAVY', sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    for argument in ("--help", "dry_run=true"):
        done = subprocess.run(
            [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True
        )
        assert "HEAVY []" in done.stderr
        assert "search_space" in done.stdout or "trials" in done.stdout
