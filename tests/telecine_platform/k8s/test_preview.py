"""What each kind of change costs, by KubeRay's own rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from telecine_platform.k8s.drain import Drain, Fate, fates_of
from telecine_platform.k8s.manifests import Release
from telecine_platform.k8s.preview import Preview, Verdict, preview_release
from telecine_platform.k8s.serve_change import AppEffect
from telecine_platform.scheduling.forecast import RunningJob
from tests.records import START, at
from tests.telecine_platform.k8s.releases import (
    JOB_S,
    Spec,
    change_app,
    changed,
    group,
    pod,
    ray_service,
    worker,
)

START_S = 300.0
NEW_GPUS = 2 * 8 + 1
"""A new cluster begins with one gang of 16 and one GPU for moderation."""
MOST_GPUS = 4 * 16 + 4


def preview(change: Callable[[Spec], object], service: Spec | None = None) -> Preview:
    old = service or ray_service()
    found = preview_release(
        _release(old), _release(changed(change, old)), start_s=START_S, drain_s=60.0
    )
    (only,) = found.services
    return only


def _release(*services: Spec, **others: Spec) -> Release:
    return Release(
        ray_services={service["metadata"]["name"]: service for service in services},
        others={("Deployment", name): manifest for name, manifest in others.items()},
    )


def _cluster(spec: Spec) -> Spec:
    found: Spec = spec["rayClusterConfig"]
    return found


SECOND_CLUSTER: dict[str, Callable[[Spec], object]] = {
    "another image": lambda spec: pod(spec)["containers"][0].update(image="registry/worker:2"),
    "another Ray version": lambda spec: _cluster(spec).update(rayVersion="2.61.0"),
    "a pod label, as a chart's version": lambda spec: worker(spec, "screening")["template"][
        "metadata"
    ]["labels"].update({"helm.sh/chart": "telecine-0.2.0"}),
    "a checksum annotation": lambda spec: worker(spec, "screening")["template"]["metadata"].update(
        annotations={"checksum/config": "1"}
    ),
    "a variable in the environment": lambda spec: pod(spec)["containers"][0]["env"].append(
        {"name": "NCCL_DEBUG", "value": "INFO"}
    ),
    "more memory": lambda spec: pod(spec)["containers"][0]["resources"]["limits"].update(
        memory="128Gi"
    ),
    "more hosts in a gang": lambda spec: worker(spec, "generation").update(numOfHosts=4),
    "another group in front": lambda spec: _cluster(spec)["workerGroupSpecs"].insert(
        0, group("second", gpus=8, minimum=0, maximum=1)
    ),
    "groups in another order": lambda spec: _cluster(spec)["workerGroupSpecs"].reverse(),
    "a group that goes": lambda spec: _cluster(spec)["workerGroupSpecs"].pop(),
    "a longer grace period": lambda spec: pod(spec).update(terminationGracePeriodSeconds=3600),
    "an option of the head": lambda spec: _cluster(spec)["headGroupSpec"]["rayStartParams"].update(
        {"num-cpus": "1"}
    ),
    "a service account": lambda spec: pod(spec).update(serviceAccountName="other"),
    "an empty object where there was none": lambda spec: pod(spec).update(affinity={}),
    "another idle timeout of a group": lambda spec: worker(spec, "generation").update(
        idleTimeoutSeconds=30
    ),
}


@pytest.mark.parametrize("kind", SECOND_CLUSTER)
def test_a_second_cluster_comes_for(kind: str) -> None:
    found = preview(SECOND_CLUSTER[kind])
    assert found.verdict is Verdict.SECOND_CLUSTER
    assert found.because


NOT_APPLIED: dict[str, Callable[[Spec], object]] = {
    "more replicas at most": lambda spec: worker(spec, "generation").update(maxReplicas=8),
    "more replicas at least": lambda spec: worker(spec, "generation").update(minReplicas=2),
    "a replica count": lambda spec: worker(spec, "generation").update(replicas=3),
    "workers to delete": lambda spec: worker(spec, "generation").update(
        scaleStrategy={"workersToDelete": ["worker-1"]}
    ),
    "a toleration": lambda spec: pod(spec).update(tolerations=[{"key": "nvidia.com/gpu"}]),
    "a scheduling gate": lambda spec: pod(spec).update(schedulingGates=[{"name": "gate"}]),
    "Ray's own upgrade strategy": lambda spec: _cluster(spec).update(
        upgradeStrategy={"type": "Recreate"}
    ),
}


@pytest.mark.parametrize("kind", NOT_APPLIED)
def test_a_running_cluster_never_sees(kind: str) -> None:
    found = preview(NOT_APPLIED[kind])
    assert (found.verdict, found.extra_gpus) == (Verdict.NOT_APPLIED, 0)
    assert len(found.not_applied) == 1
    assert "kuberay#2331" in found.notes[0]


NOTHING: dict[str, Callable[[Spec], object]] = {
    "the same again": lambda spec: spec.copy(),
    "a default that is written out": lambda spec: worker(spec, "screening").update(priority=0),
    "an empty list": lambda spec: pod(spec).update(initContainers=[]),
    "a number as text": lambda spec: pod(spec)["containers"][0]["resources"]["limits"].update(
        cpu="8"
    ),
    "a null": lambda spec: pod(spec).update(priorityClassName=None),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_changes_with(kind: str) -> None:
    assert preview(NOTHING[kind]) == Preview(name="telecine", verdict=Verdict.NOTHING)


def test_a_second_cluster_is_priced_with_gpus_minutes_and_drain() -> None:
    found = preview(SECOND_CLUSTER["another image"])
    assert found.because == ("workerGroupSpecs[generation].template.spec.containers[ray].image",)
    assert (found.extra_gpus, found.extra_gpus_at_most) == (NEW_GPUS, MOST_GPUS)
    assert found.extra_for_s == START_S + 900 + JOB_S + 120
    assert found.drain == Drain(
        apps=("screening", "generation", "moderation"),
        makes_clips=True,
        begins_after_s=START_S + 900,
        at_most_s=JOB_S + 120,
    )
    assert found.notes == ()


def test_paths_are_shown_and_values_never() -> None:
    def set_password(spec: Spec) -> None:
        pod(spec)["containers"][0]["env"][0]["value"] = "s3://hunter2"

    assert "hunter2" not in repr(preview(set_password))


def test_without_a_prestop_hook_jobs_are_cut_off() -> None:
    old = changed(lambda spec: pod(spec)["containers"][0].pop("lifecycle"))
    found = preview(SECOND_CLUSTER["another image"], old)
    assert found.drain is not None
    assert found.drain.at_most_s == 0
    assert "no preStop hook" in found.notes[0]


def test_kuberays_defaults_count_where_the_manifest_is_silent() -> None:
    def bare(spec: Spec) -> None:
        del spec["rayClusterDeletionDelaySeconds"]
        for each in _cluster(spec)["workerGroupSpecs"]:
            del each["template"]["spec"]["terminationGracePeriodSeconds"]
        del worker(spec, "generation")["maxReplicas"]

    found = preview(SECOND_CLUSTER["another image"], changed(bare))
    assert found.extra_for_s == START_S + 60 + 30
    assert found.extra_gpus_at_most is None


def test_an_incremental_upgrade_takes_its_steps_longer() -> None:
    options = {"gatewayClassName": "g", "stepSizePercent": 30, "intervalSeconds": 10}
    strategy = {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": options}
    plain = preview(SECOND_CLUSTER["another image"])
    stepped = preview(
        SECOND_CLUSTER["another image"],
        changed(lambda spec: spec.update(upgradeStrategy=strategy)),
    )
    assert stepped.extra_for_s == plain.extra_for_s + 4 * 10


def test_groups_at_the_end_are_added_in_place() -> None:
    found = preview(
        lambda spec: _cluster(spec)["workerGroupSpecs"].append(
            group("generation-wan", gpus=4, minimum=1, maximum=2)
        )
    )
    assert found.verdict is Verdict.IN_PLACE
    assert found.because == ("workerGroupSpecs[generation-wan]",)
    assert (found.extra_gpus, found.extra_gpus_at_most) == (4, 8)
    assert found.drain is None
    assert any("Group generation is set back to 1 replicas" in note for note in found.notes)


def test_a_group_at_the_end_does_not_hide_another_change() -> None:
    def both(spec: Spec) -> None:
        SECOND_CLUSTER["more memory"](spec)
        _cluster(spec)["workerGroupSpecs"].append(group("more", gpus=1, minimum=0, maximum=1))

    assert preview(both).verdict is Verdict.SECOND_CLUSTER


def test_a_strategy_of_none_keeps_the_old_cluster() -> None:
    def forbid(spec: Spec) -> None:
        spec["upgradeStrategy"] = {"type": "None"}

    found = preview(SECOND_CLUSTER["another image"], changed(forbid))
    assert (found.verdict, found.extra_gpus) == (Verdict.NOT_APPLIED, 0)
    assert "upgradeStrategy.type is None" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "effect", "is_drained"),
    [
        ({"args": {"settings": {"target_wait_s": 20}}}, AppEffect.RESTARTED, True),
        ({"import_path": "other:generation"}, AppEffect.RESTARTED, True),
        ({"runtime_env": {"env_vars": {"A": "1"}}}, AppEffect.RESTARTED, True),
        (
            {"deployments": [{"name": "generation", "ray_actor_options": {"num_cpus": 2}}]},
            AppEffect.RESTARTED,
            True,
        ),
        (
            {"deployments": [{"name": "generation", "graceful_shutdown_timeout_s": 9}]},
            AppEffect.UPDATED,
            False,
        ),
        ({"route_prefix": "/x"}, AppEffect.UPDATED, False),
    ],
)
def test_a_changed_application_is_drained_only_where_serve_restarts_it(
    changes: dict[str, object], effect: AppEffect, is_drained: bool
) -> None:
    found = preview(lambda spec: change_app(spec, "generation", **changes))
    assert found.verdict is Verdict.IN_PLACE
    assert [(app.name, app.effect) for app in found.apps] == [("generation", effect)]
    assert (found.drain is not None) == is_drained
    if found.drain is not None:
        assert (found.drain.begins_after_s, found.drain.at_most_s) == (0.0, JOB_S + 60)


def test_applications_come_and_go() -> None:
    def rename(spec: Spec) -> None:
        change_app(spec, "generation", name="generation-wan")

    found = preview(rename)
    assert {app.name: app.effect for app in found.apps} == {
        "generation": AppEffect.REMOVED,
        "generation-wan": AppEffect.ADDED,
    }


def test_services_that_come_and_go_and_what_lies_beside_them() -> None:
    old, new = ray_service("old"), ray_service("new")
    found = preview_release(
        _release(old, api={"replicas": 2}), _release(new, api={"replicas": 3}),
        start_s=START_S, drain_s=60.0,
    )  # fmt: skip
    by_name = {each.name: each for each in found.services}
    assert by_name["new"].verdict is Verdict.FIRST_CLUSTER
    assert by_name["new"].extra_gpus == NEW_GPUS
    assert by_name["old"].verdict is Verdict.END
    assert by_name["old"].drain is not None
    assert by_name["old"].drain.begins_after_s == 0
    assert found.others == ("Deployment/api changes",)


def test_devices_from_claims_are_said_to_be_uncounted() -> None:
    old = changed(lambda spec: pod(spec).update(resourceClaims=[{"name": "gpus"}]))
    assert "resource claims" in preview(SECOND_CLUSTER["another image"], old).notes[0]


@pytest.mark.parametrize(
    ("left_s", "fate", "waited_s"),
    [(90.0, Fate.UNTOUCHED, 0.0), (150.0, Fate.DRAINED, 50.0), (400.0, Fate.CUT, 200.0)],
)
def test_a_running_jobs_fate_follows_from_what_it_still_needs(
    left_s: float, fate: Fate, waited_s: float
) -> None:
    drain = Drain(apps=("generation",), makes_clips=True, begins_after_s=100.0, at_most_s=200.0)
    job = RunningJob(id="job_1", price_gpu_s=16 * left_s, claimed_at=START, progress=0)
    (found,) = fates_of([job], drain, num_gpus=16, now=at(0))
    assert (found.fate, found.waited_for_s) == (fate, waited_s)


def test_each_gang_works_with_its_own_number_of_gpus() -> None:
    drain = Drain(apps=("generation",), makes_clips=True, begins_after_s=0.0, at_most_s=900.0)
    job = RunningJob(id="job_1", price_gpu_s=800.0, claimed_at=START, progress=0)
    narrow = replace(job, id="job_2", num_gpus=4)
    fates = fates_of([job, narrow], drain, num_gpus=16, now=at(0))
    assert {each.job_id: each.left_s for each in fates} == {"job_1": 50.0, "job_2": 200.0}


def test_an_upgrade_of_other_stages_leaves_clips_alone() -> None:
    found = preview(lambda spec: change_app(spec, "moderation", import_path="other:moderation"))
    job = RunningJob(
        id="job_1", price_gpu_s=1.0, claimed_at=START - timedelta(seconds=1), progress=0
    )
    assert found.drain is not None
    assert fates_of([job], found.drain, num_gpus=16, now=at(0)) == ()
