"""A study in an object store (a real S3 server): run in one pod, resumed in another, exported in a third."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = pytest.mark.slow

ROOT = "s3://hospital/studies"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3 server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="hospital")
    yield
    server.stop()


@pytest.fixture
def in_pod(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a pod, which has no files of other pods' studies."""

    def run(pod: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / pod)}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run


def test_pods_continue_and_export_each_other_s_study(
    store: None,
    in_pod: Callable[..., subprocess.CompletedProcess[str]],
    hospitals: Rows,
    arguments: Arguments,
    tmp_path: Path,
) -> None:
    settings = [one for one in arguments(hospitals) if not one.startswith("study.root=")]
    settings += [f"study.root={ROOT}", "study.name=s", "tracking.enabled=false", "tuning.scheduler=none"]
    first = in_pod("one", "study.run", *settings, "study.trials=1")
    assert first.returncode == 0, first.stderr
    there = {item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket="hospital")["Contents"]}
    assert {f"studies/s/{name}" for name in ("config.json", "optuna.db", "trials/0000/result.json")} <= there
    assert not [name for name in there if "cache" in name or name.endswith(".lock")]

    second = in_pod("two", "study.run", *settings, "study.trials=2", "resume=true")
    assert second.returncode == 0, second.stderr
    assert "trials ended: 2 complete" in second.stdout

    bundle = tmp_path / "bundle"
    third = in_pod("three", "study.export", f"study.root={ROOT}", "study.name=s", f"out={bundle}")
    assert third.returncode == 0, third.stderr
    assert json.loads((bundle / "bundle.json").read_text())["target"] == "lesion"

    missing = in_pod("four", "study.export", f"study.root={ROOT}", "study.name=t", f"out={tmp_path / 'x'}")
    assert missing.returncode == 2
    assert "no study 't'" in missing.stderr
