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


def test_what_is_no_override_is_told() -> None:
    (problem,) = mistakes("trainer.epochs")
    assert problem.startswith("trainer.epochs: not understood")


def test_a_folder_of_ones_own_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "search_space").mkdir()
    text = "trainer:\n  learning_rate: {type: float, low: 0.001, high: 0.01}\n"
    (tmp_path / "search_space" / "mine.yaml").write_text(text)
    config = compose(["--config-dir", str(tmp_path), "search_space=mine"])
    assert config.study.name == "mine"
    assert config.search_space["trainer"]["learning_rate"]["low"] == 0.001
    assert mistakes("--config-dir", str(tmp_path / "absent"))[0].startswith("--config-dir: no such folder")


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
    heavy = {"torch", "ray", "mlflow", "optuna", "torchio", "monai", "pandas", "scipy", "matplotlib"}
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
