"""The search: the database says what remains, and Ray Tune runs it."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from study.errors import StudyError
from study.machine.interrupts import interruptible
from study.machine.temporary import sweep
from study.records import StudyFolder
from study.tuning.cluster import LOCAL, nodes_of, place_for_ray, ray_for
from study.tuning.desk import start_desk
from study.tuning.distributed import attempt
from study.tuning.events import TrialEvents
from study.tuning.home import Home, serving
from study.tuning.hurry import hurrying
from study.tuning.judgement import Judgement
from study.tuning.ledger import Ledger
from study.tuning.nodes import Nodes
from study.tuning.queue import TrialQueue
from study.tuning.retries import Faults
from study.tuning.room import Need, check_room, may_start, searches_needs
from study.tuning.search_plan import SearchPlan
from study.tuning.trainable import RunTrial, Task
from study.tuning.watch import Halt, RayDiedError, head_of_cluster, own_processes, watching

logger = logging.getLogger(__name__)

RAY_STARTS = 3  # a Ray of our own that dies is started anew


def run_search(
    plan: SearchPlan, folder: StudyFolder, on_trial: Callable[[int], None], *, run_trial: RunTrial
) -> None:
    """Run trials until `study.trials` have ended (complete, pruned or failed); return at once if they have.

    Interrupted trials of an earlier run continue from their checkpoints, under their own numbers. A failing trial does
    not stop the others.

    Args:
        plan: what to search.
        folder: of the prepared study.
        on_trial: callback for trial updates, after each report and at the end of each trial, with the trial's number.
            It is called from a thread of its own, once at a time; what it raises is logged.
        run_trial: trains one trial, as `study.workflow.trial.run_trial` does. Other processes must be able to import
            it.

    Raises:
        StudyError: another process runs this study, or its database cannot be used.
        ConfigError: Ray lacks the resources for one trial.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, with everything stored that `resume=true` needs.
    """
    with (
        folder.driven(),
        _swept(folder),
        Ledger(plan, folder) as ledger,
        closing(TrialEvents(on_trial)) as events,
    ):
        folder.driver.confirm(None if plan.given else plan.study.trials)
        for number in ledger.settled:
            events.changed(number)
        if ledger.ended < plan.study.trials or ledger.interrupted:
            _search(plan, folder, ledger, events, run_trial)
        if ledger.ended < plan.study.trials:
            raise StudyError(
                f"{ledger.ended} of {plan.study.trials} trials have ended, the others could not be run; "
                "resume the study with resume=true"
            )


@contextmanager
def _swept(folder: StudyFolder) -> Iterator[None]:
    """Remove at the end what Ray leaves, of this run and of earlier ones that were killed."""
    folder.scratch.mkdir(exist_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(folder.scratch, ignore_errors=True)
        sweep()
        sweep(place_for_ray())


def _search(
    plan: SearchPlan, folder: StudyFolder, ledger: Ledger, events: TrialEvents, run_trial: RunTrial
) -> None:
    """Run what remains; if Ray dies, it is started anew and the search goes on from the database."""
    for start in range(1, RAY_STARTS + 1):
        halt = Halt()
        try:
            with (
                interruptible() as listen,
                ray_for(plan.cluster, Need.of(plan.trainer), plan.study.concurrency),
                halt.armed(),
            ):
                listen()  # Ray has handlers of its own
                _tune(plan, folder, ledger, events, run_trial, halt)
        except RayDiedError as died:
            if start == RAY_STARTS or plan.cluster != LOCAL:
                raise StudyError(f"{died}; continue with the same command and resume=true") from None
            logger.warning("%s; it is started anew, and the trials go on from their checkpoints", died)
            ledger.take_back()
        except KeyboardInterrupt as interrupt:
            ended = f"{ledger.ended} of {plan.study.trials} trials have ended"
            interrupt.add_note(f"{ended}; continue with the same command and resume=true")
            raise
        else:
            return


def _tune(
    plan: SearchPlan,
    folder: StudyFolder,
    ledger: Ledger,
    events: TrialEvents,
    run_trial: RunTrial,
    halt: Halt,
) -> None:
    from ray import tune

    from study.tuning.search import InTurn, StudySearch, resources_of

    nodes = _nodes(plan, folder)
    nodes.look()
    check_room(Need.of(plan.trainer), nodes.fit(), shared=plan.cluster != LOCAL)
    desk = start_desk()
    faults = Faults(plan.tuning.max_failures)
    judgement = Judgement(plan, ledger, events.changed, faults.progressed)
    home = Home(folder, judgement, events.changed, nodes.cache_for, ledger.lease.check)
    queue = _queue(plan, folder, ledger, events, home, nodes, faults, halt)
    task = Task(plan.settings, str(plan.cache), run_trial, desk)
    wanted = functools.partial(_is_wanted, halt, ledger)
    alive = own_processes() if plan.cluster == LOCAL else head_of_cluster()
    with (
        watching(halt, alive),
        nodes.watched(),
        serving(home, desk, halt.now),
        hurrying(home, desk, wanted) as listen,
    ):
        tune.run(
            tune.with_resources(functools.partial(attempt, task=task), resources_of),
            name=plan.study.name,
            search_alg=StudySearch(queue, home, nodes, halt.now, listen),
            scheduler=InTurn(),
            num_samples=-1,
            reuse_actors=not searches_needs(plan.space),  # an idle process keeps its resources from others
            storage_path=str(folder.scratch.absolute()),
            raise_on_failed_trial=False,
            verbose=0,
        )


def _is_wanted(halt: Halt, ledger: Ledger) -> bool:
    """Whether what trials have is still taken in: nobody is left to ask in a dead Ray, or under another driver."""
    return halt.reason is None and not ledger.lease.lost


def _nodes(plan: SearchPlan, folder: StudyFolder) -> Nodes:
    import ray

    prepared = folder.prepared.read_if_there()
    return Nodes(
        functools.partial(nodes_of, plan.cluster),
        ray.get_runtime_context().get_node_id(),
        plan.cache,
        [one.address for one in prepared.used if one.address] if prepared else [],
        logger.warning,
        lambda hosts: folder.driver.change(machines=hosts),
        gpus=plan.trainer.gpus_per_worker > 0,
        alone=plan.cluster == LOCAL,
    )


def _queue(
    plan: SearchPlan,
    folder: StudyFolder,
    ledger: Ledger,
    events: TrialEvents,
    home: Home,
    nodes: Nodes,
    faults: Faults,
    halt: Halt,
) -> TrialQueue:
    base, wanted, shared = Need.of(plan.trainer), plan.study.concurrency, plan.cluster != LOCAL

    def may_begin(need: Need, running: Mapping[int, Need]) -> bool:
        waiting = home.at_the_door()
        door = [one for number, one in running.items() if number in waiting]
        inside = [one for number, one in running.items() if number not in waiting]
        if wanted is not None and len(running) >= wanted:
            return False
        return may_start(need, inside, door, nodes.fit(), crowded=wanted is not None and not shared)

    return TrialQueue(
        ledger,
        folder,
        plan,
        max(plan.study.trials - ledger.ended, ledger.interrupted),
        need_of=base.with_values,
        may_start=may_begin,
        trainer=plan.trainer,
        faults=faults,
        changed=events.changed,
        halt=halt.now,
    )
