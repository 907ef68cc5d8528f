"""A study as jobs of Slurm on two machines: time is up before it is complete, and the next job goes on."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hosts
import optuna
import pytest
from later_wins import later_wins

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]

TRIALS = 4
EPOCHS = 60
SETTINGS = [
    "study.name=queued",
    f"study.trials={TRIALS}",
    f"trainer.epochs={EPOCHS}",
    "trainer.validate_every=10",
    "tuning.scheduler=none",
    "search_space=none",
    "search_space.trainer.learning_rate={type: float, low: 0.001, high: 0.1, log: true}",
]
ENVIRONMENT = {
    "PYTHONPATH": str(hosts.PROJECT),
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
    "HOME": "/tmp",
    "OMP_NUM_THREADS": "1",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
USER = "daemon"  # Slurm's, and the job's; root would have to change its groups, which namespaces forbid
AS_USER = ("unshare", "-U", "--map-user=1", "--map-group=1", "--")
CONFIGURATION = """
ClusterName=test
SlurmctldHost=host1({head})
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket=/tmp/munge.socket
StateSaveLocation=/tmp/slurmctld
SlurmdSpoolDir=/tmp/slurmd
SlurmctldPidFile=/tmp/slurmctld.pid
SlurmdPidFile=/tmp/slurmd.pid
SlurmctldLogFile={shared}/slurmctld.log
SlurmdLogFile={shared}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def why_not() -> str | None:
    """Why there is no Slurm on machines of their own here; None if there is."""
    tools = ("slurmctld", "slurmd", "sbatch", "munged")
    if lacking := [tool for tool in tools if shutil.which(tool, path=ENVIRONMENT["PATH"]) is None]:
        return f"{', '.join(lacking)} not installed"
    return hosts.why_not()


pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


@dataclass
class Cluster:
    """Machines that Slurm runs.

    Attributes:
        machines: the first one has the controller.
        shared: a folder that all of them see; /tmp is each one's own.
    """

    machines: list[hosts.Host]
    shared: Path

    def start(self, *command: str, log: Path) -> subprocess.Popen[str]:
        """Start a command on the first machine, as the user of Slurm."""
        return self.machines[0].start(*AS_USER, *command, log=log)

    def run(self, *command: str) -> str:
        """Run a command on the first machine, as the user of Slurm, and return what it printed."""
        return self.machines[0].run(*AS_USER, *command)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two machines with one CPU each, and no GPU."""
    with (
        tempfile.TemporaryDirectory(prefix="fadeout-", dir="/var/tmp") as shared,
        hosts.machines(2) as machines,
    ):
        found = Cluster(machines, Path(shared))
        write_configuration(found)
        for number, machine in enumerate(machines, 1):
            machine.environment.update(ENVIRONMENT, SLURM_CONF=f"{shared}/slurm.conf")
            own = [f"--{what}-file=/tmp/munge.{what}" for what in ("pid", "log", "seed")]
            key = f"--key-file={shared}/munge.key"
            machine.run(*AS_USER, "munged", key, "--socket=/tmp/munge.socket", "--force", *own)
            if number == 1:
                machine.run(*AS_USER, "slurmctld")
            machine.run(*AS_USER, "slurmd", "-N", f"host{number}")
        yield found


def write_configuration(cluster: Cluster) -> None:
    head, shared = cluster.machines[0].address, cluster.shared
    nodes = [
        f"NodeName=host{number} NodeAddr={machine.address} CPUs=1 RealMemory=4000\n"
        for number, machine in enumerate(cluster.machines, 1)
    ]
    written = CONFIGURATION.format(head=head, user=USER, shared=shared)
    (shared / "slurm.conf").write_text(written + "".join(nodes))
    (shared / "munge.key").write_bytes(secrets.token_bytes(128))
    (shared / "munge.key").chmod(0o600)


def move_to(shared: Path, before: Path, settings: list[str]) -> list[str]:
    """Move the scans and their table to the folder that all machines see; returns the settings that say so."""
    shutil.copytree(before / "scans", shared / "scans")
    table = (before / "cohort.csv").read_text()
    (shared / "cohort.csv").write_text(table.replace(str(before), str(shared)))
    return [setting.replace(str(before), str(shared)) for setting in settings]


def wait_until(condition: Callable[[], bool], job: subprocess.Popen[str], *logs: Path) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert job.poll() is None, told(*logs)
        assert time.monotonic() < deadline, told(*logs)
        time.sleep(0.2)


def told(*logs: Path) -> str:
    return "".join(log.read_text() for log in logs if log.exists())


def epochs_of(study: Path) -> dict[str, list[str]]:
    """What each trial has recorded of its epochs."""
    return {
        path.parent.name: path.read_text().splitlines()
        for path in sorted(study.glob("trials/*/epochs.jsonl"))
    }


def test_time_is_up_and_the_next_job_goes_on(
    cluster: Cluster, hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    settings = later_wins(*move_to(cluster.shared, tmp_path, arguments(hospitals)), *SETTINGS)
    study, log = cluster.shared / "studies" / "queued", cluster.shared / "job.log"
    script = str(hosts.PROJECT / "cluster" / "slurm.sh")
    sbatch = [
        "sbatch",
        "--wait",
        "--nodes=2",
        "--cpus-per-task=1",
        "--time=20",
        f"--output={log}",
        "--export=ALL,FADEOUT_GRACE_S=2",
    ]

    def on_both() -> bool:
        busy = [any((machine.root / "tmp").glob("fadeout-*")) for machine in cluster.machines]
        return all(busy) and sum(map(len, epochs_of(study).values())) >= 20

    first = cluster.start(*sbatch, script, *settings, log=tmp_path / "first.log")
    wait_until(on_both, first, log, tmp_path / "first.log")
    unless_complete = ["--dependency=afternotok:1", "--kill-on-invalid-dep=yes"]
    second = cluster.start(*sbatch, *unless_complete, script, *settings, log=tmp_path / "second.log")
    cluster.run("scancel", "--batch", "--signal=USR1", "1")  # as Slurm does before the time limit
    assert first.wait(timeout=300) == 143, log.read_text()
    assert "SIGUSR1: all trials have stored a checkpoint" in log.read_text()
    assert "continue with the same command and resume=true" in log.read_text()
    interrupted = epochs_of(study)
    assert sum(map(len, interrupted.values())) < TRIALS * EPOCHS

    assert second.wait(timeout=600) == 0, log.read_text()
    complete = epochs_of(study)
    assert all(complete[trial][: len(epochs)] == epochs for trial, epochs in interrupted.items())
    numbers = {trial: [json.loads(epoch)["epoch"] for epoch in epochs] for trial, epochs in complete.items()}
    assert numbers == {f"{number:04d}": list(range(1, EPOCHS + 1)) for number in range(TRIALS)}
    trials = optuna.load_study(study_name="queued", storage=f"sqlite:///{study}/optuna.db").trials
    assert [(trial.number, trial.state.name) for trial in trials] == [(n, "COMPLETE") for n in range(TRIALS)]
    for machine in cluster.machines:
        assert "raylet" not in machine.run("ps", "-eo", "args")
