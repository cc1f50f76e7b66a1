"""The page of a sweep, from what its folder holds."""

import dataclasses

from svhn.figures import SweepRun, draw_best, save_figure, write_sweep_page
from svhn.sweeps.analysis import best_run, overfitting, rank, time_left
from svhn.sweeps.folder import RunStatus, SweepFolder
from svhn.sweeps.kinds import kind_of, measurements_of

# Runs whose curves `best.png` shows: the winner and the runner-up.
MONITORED = 2


def write_report(folder: SweepFolder) -> None:
    """Write `report.html`, and `best.png` of the two best runs, into the folder of a sweep, as it is by now."""
    statuses = sorted(folder.statuses(), key=rank, reverse=True)
    best = best_run(statuses)
    write_sweep_page(
        folder.report,
        f"Sweep {folder.path.resolve().name.removeprefix('sweep-')}",
        notes_on(statuses, folder.read_plan().data),
        [as_shown(status) for status in statuses],
        best.run.name if best else None,
        kind_of(statuses[0].run.config).step,
    )
    if best:
        shown = [(one.run.name, one.history, overfitting(one.history)) for one in statuses if one.history][:MONITORED]
        save_figure(folder.best, draw_best(shown, kind_of(statuses[0].run.config).step))


def notes_on(statuses: list[RunStatus], data: str) -> list[str]:
    """Return what the page says of the whole sweep: how far it is, and on what it trains."""
    states = [status.state for status in statuses]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    digits: dict[str, int] = next((status.record.data["digits"] for status in statuses if status.record), {})
    sizes = ", ".join(f"{count:,} {split}" for split, count in digits.items())
    name = data.rsplit("/", 1)[-1]
    return [counts + time_left(statuses), f"data: {name} ({sizes} digits)" if sizes else f"data: {name}"]


def as_shown(status: RunStatus) -> SweepRun:
    """Return what the page says of a run."""
    return SweepRun(
        status.run.name,
        status.state,
        dataclasses.asdict(status.run.config),
        measurements_of(status.run.config),
        status.history,
        status.best,
        status.metrics,
        status.error,
        overfitting(status.history),
    )
