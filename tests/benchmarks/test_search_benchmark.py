"""The replayed searches, on curves of known shape."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_curves import BEST_DROP, BEST_RATE, quality, synthetic

from benchmarks.search.__main__ import main
from benchmarks.search.curves import Recording
from benchmarks.search.design import CLOCK, fill, place_of, value_at
from benchmarks.search.figure import epochs_to, mean_regret
from benchmarks.search.methods import methods
from benchmarks.search.recording import gather, record
from benchmarks.search.replay import Progress, replay
from benchmarks.search.surrogate import Surrogate
from search_spaces import Parameter, SearchSpace
from study.commandline.composition import compose


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    return Surrogate(synthetic())


def test_a_design_fills_every_range_evenly_and_keeps_conditions() -> None:
    config = compose(["study.name=s"])
    space = SearchSpace.parse(config.search_space, config).outer
    settings = fill(space, 64)
    drops = np.sort([values["modality_dropout.drop_probability"] for values in settings])
    assert np.abs(drops - np.linspace(0.1, 0.9, 64)).max() < 0.03
    rates = np.log10([values["trainer.learning_rate"] for values in settings])
    assert rates.mean() == pytest.approx(-1, abs=0.01)  # around 0.1 on a logarithmic scale
    shapes = [values["schedule.shape"] for values in settings]
    assert {shapes.count(name) for name in set(shapes)} <= {10, 11}
    assert all(("schedule.steps" in values) == (values["schedule.shape"] == "step") for values in settings)


def test_a_place_is_where_its_value_lies() -> None:
    log = Parameter("trainer.learning_rate", "float", low=0.01, high=1.0, log=True)
    assert value_at(log, 0.5) == pytest.approx(0.1)
    assert place_of(log, 0.1) == pytest.approx(0.5)
    whole = Parameter("schedule.steps", "int", low=2, high=8)
    assert [value_at(whole, unit) for unit in (0.0, 0.5, 0.999)] == [2, 5, 8]


def test_a_recording_is_read_as_it_was_written_and_is_small(tmp_path: Path) -> None:
    recording = synthetic(128)
    recording.write(tmp_path / "a.json.gz")
    recording.write(tmp_path / "b.json.gz")
    assert Recording.read(tmp_path / "a.json.gz") == recording
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert (tmp_path / "a.json.gz").stat().st_size < 100_000


def test_what_the_regression_says_of_itself_holds_for_settings_that_it_has_not_seen(
    surrogate: Surrogate,
) -> None:
    config = compose(["study.name=s"])
    unseen = fill(SearchSpace.parse(config.search_space, config).outer, 64, seed=5)
    told = np.array([surrogate.worth({**values, CLOCK: "trial"}) for values in unseen])
    true = np.array([quality(values) for values in unseen])
    error = surrogate.errors["trial"]
    assert error.rank_correlation > 0.9
    assert np.sqrt(np.mean((told - true) ** 2)) == pytest.approx(error.rmse, abs=0.008)
    best, worst = surrogate.extremes("trial")
    assert best["modality_dropout.drop_probability"] == pytest.approx(BEST_DROP, abs=0.12)
    assert abs(np.log(best["trainer.learning_rate"] / BEST_RATE)) < 0.4
    assert quality(best) > 0.68 > 0.6 > quality(worst)


def test_luck_is_not_taken_for_an_effect_of_settings() -> None:
    flat = synthetic(64)
    rng = np.random.default_rng(0)
    curves = [
        curve.model_copy(update={"scores": tuple(luck[:-1]), "final": luck[-1]})
        for curve in flat.curves
        for luck in [[(value, value, value) for value in rng.normal(0.5, 0.05, len(flat.epochs) + 1)]]
    ]
    surrogate = Surrogate(flat.model_copy(update={"curves": tuple(curves)}))
    assert surrogate.noise == pytest.approx(0.05, abs=0.01)
    best, worst = (surrogate.worth(values) for values in surrogate.extremes("trial"))
    assert best - worst < 0.03
    assert max(map(abs, surrogate.errors["rung"].early)) < 0.5


def test_a_part_of_the_space_is_added() -> None:
    one, other = synthetic(4), synthetic(2, seed=1)
    both = one.joined(other)
    assert (both.settings, len(both.curves)) == (one.settings, 12)
    with pytest.raises(ValueError, match="epochs"):
        one.joined(other.model_copy(update={"epochs": (1, 2)}))


def test_a_failed_training_is_worth_nothing() -> None:
    recording = synthetic(4)
    failed = recording.curves[0].model_copy(update={"scores": (), "final": None})
    objectives = recording.model_copy(update={"curves": (failed, *recording.curves[1:])}).objectives(
        compose(["study.name=s"]).objective
    )
    assert objectives.shape == (8, 13)
    assert not objectives[0].any()
    full, missing, _ = recording.curves[1].scores[3]
    assert objectives[1, 3] == pytest.approx((full + missing) / 2)


def test_a_search_is_the_study_s_own_and_the_same_again(surrogate: Surrogate) -> None:
    settings = methods(surrogate)
    whole = replay(surrogate, settings["TPE"], 1, 6 * 12, 2)
    assert whole == replay(surrogate, settings["TPE"], 1, 6 * 12, 2)
    assert (whole.trials, whole.stopped) == (6, 0)
    assert whole.epochs[-1] == 6 * 12
    first = quality(
        {"modality_dropout.drop_probability": 0.5, "trainer.learning_rate": 0.1, "schedule.shape": "step"}
    )
    assert whole.worth[0] == pytest.approx(first, abs=0.03)  # the configured settings
    stopped = replay(surrogate, settings["ASHA, clock=rung"], 1, 6 * 12, 2)
    assert stopped.stopped > 0
    assert stopped.trials > 6
    waiting = replay(surrogate, settings["ASHA, clock=trial"], 1, 6 * 12, 2)
    assert waiting.stopped == 0


def test_regret_is_the_mean_over_runs_after_so_many_epochs() -> None:
    runs = [Progress((10, 30), (0.5, 0.7), 2, 0), Progress((20,), (0.6,), 1, 0)]
    grid = np.array([0.0, 10.0, 20.0, 30.0])
    regret = mean_regret(runs, 0.8, grid)
    assert np.isnan(regret[:2]).all()
    assert list(regret[2:]) == pytest.approx([0.25, 0.15])
    assert epochs_to(regret, 0.25, grid) == 20
    assert epochs_to(regret, 0.1, grid) == float("inf")


@pytest.mark.slow
def test_the_command_draws_and_ends_with_the_ratio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, figure = tmp_path / "curves.json.gz", tmp_path / "search.svg"
    synthetic().write(data)
    given = ["--seeds", "1", "--trainings", "4", "--processes", "1"]
    main([*given, "--data", str(data), "--figure", str(figure)])
    said = capsys.readouterr().out.splitlines()
    told = json.loads(said[-1])
    assert told["ratio"] == 1.0  # of the default, which stops nobody as long as its clock is the trial's
    assert told["measured_on"]["trainings"] == 128
    assert sum("regret after a quarter" in line for line in said) == 10
    assert figure.read_text().startswith("<?xml")


@pytest.mark.slow
def test_trainings_are_recorded_by_the_study_s_own_code_and_a_recording_goes_on(tmp_path: Path) -> None:
    settings = [
        "trainer.epochs=2",
        "trainer.iterations_per_epoch=1",
        "cohort.phantom.subjects_per_center=4",
        "cohort.phantom.centers=[CHSF]",
        "cohort.unseen=[]",
    ]
    recording = record(tmp_path, settings, 1, 1)
    assert recording.epochs == (1, 2)
    assert [curve.values[CLOCK] for curve in recording.curves] == ["trial", "rung"]
    assert all(len(curve.scores) == 2 and curve.final is not None for curve in recording.curves)
    results = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(results) == 2
    assert record(tmp_path, settings, 1, 1) == recording == gather(tmp_path, settings)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == results
