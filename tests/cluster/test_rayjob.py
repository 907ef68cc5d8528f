"""The RayJob for Kubernetes: its fields are KubeRay's, its command is one of ours. No Kubernetes is needed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from study.commandline.composition import compose
from study.config import Config

PROJECT = Path(__file__).parents[2]


class Fields(BaseModel):
    """Part of KubeRay's API `ray.io/v1` or of Kubernetes' `v1`, by its Go types; no other field than those named."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Variable(Fields):
    name: str
    value: str


class Mount(Fields):
    name: str
    mount_path: str
    read_only: bool = False


class Resources(Fields):
    requests: dict[str, str]
    limits: dict[str, str]


class Container(Fields):
    name: str
    image: str
    resources: Resources
    env: list[Variable]
    volume_mounts: list[Mount] = []


class Claim(Fields):
    claim_name: str


class Volume(Fields):
    name: str
    persistent_volume_claim: Claim


class PodSpec(Fields):
    containers: list[Container] = Field(min_length=1)
    volumes: list[Volume] = []


class PodTemplate(Fields):
    spec: PodSpec


class HeadGroup(Fields):
    ray_start_params: dict[str, str]
    template: PodTemplate


class WorkerGroup(HeadGroup):
    group_name: str
    replicas: int
    min_replicas: int
    max_replicas: int


class AuthOptions(Fields):
    mode: Literal["token", "disabled"]


class RayCluster(Fields):
    ray_version: str  # required by authOptions
    auth_options: AuthOptions
    head_group_spec: HeadGroup
    worker_group_specs: list[WorkerGroup]


class RayJobSpec(Fields):
    entrypoint: str
    submission_mode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]
    backoff_limit: int = Field(ge=0)
    shutdown_after_job_finishes: bool
    ttl_seconds_after_finished: int = Field(ge=0)
    ray_cluster_spec: RayCluster


class Metadata(Fields):
    name: str = Field(pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$")


class RayJob(Fields):
    api_version: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: RayJobSpec


@pytest.fixture(scope="module")
def content() -> Any:
    return yaml.safe_load((PROJECT / "cluster" / "rayjob.yaml").read_text())


@pytest.fixture
def spec(content: Any) -> RayJobSpec:
    return RayJob.model_validate(content).spec


@pytest.fixture
def config(spec: RayJobSpec) -> Config:
    """What the command of the job makes."""
    python, option, module, *settings = shlex.split(spec.entrypoint)
    assert (python, option, module) == ("python", "-m", "study.run")
    return compose(settings)


def test_a_job_that_is_tried_again_goes_on_with_its_study(spec: RayJobSpec, config: Config) -> None:
    assert spec.backoff_limit > 0
    assert config.resume
    assert config.cluster == "auto"


def test_ray_asks_for_a_token_and_is_of_the_tested_version(spec: RayJobSpec) -> None:
    assert spec.ray_cluster_spec.auth_options.mode == "token"
    assert (
        f"ray=={spec.ray_cluster_spec.ray_version}" in (PROJECT / "constraints.txt").read_text().splitlines()
    )


def test_the_head_has_the_scans_and_the_studies_and_the_workers_share_nothing(
    spec: RayJobSpec, config: Config
) -> None:
    head = spec.ray_cluster_spec.head_group_spec.template.spec
    places = {mount.mount_path: mount for mount in head.containers[0].volume_mounts}
    assert {mount.name for mount in places.values()} == {volume.name for volume in head.volumes}
    assert not places[str(config.study.root)].read_only
    assert config.cohort.path is not None
    assert places[str(config.cohort.path.parent)].read_only
    for group in spec.ray_cluster_spec.worker_group_specs:
        assert not group.template.spec.volumes


def test_all_pods_have_the_same_image_and_the_workers_what_a_trial_needs(
    spec: RayJobSpec, config: Config
) -> None:
    cluster = spec.ray_cluster_spec
    workers = [group.template.spec.containers[0] for group in cluster.worker_group_specs]
    head = cluster.head_group_spec.template.spec.containers[0]
    assert {container.image for container in workers} == {head.image}
    for container in workers:
        assert float(container.resources.limits["nvidia.com/gpu"]) >= config.trainer.gpus_per_worker
    assert cluster.head_group_spec.ray_start_params["num-cpus"] == "0"
