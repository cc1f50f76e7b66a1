"""The page of a sweep: one HTML file with table and curves and nothing to load from elsewhere."""

import html
import time
from collections.abc import Sequence

from svhn.files import replacing
from svhn.sweeps.analysis import best_run, overfitting, rank, time_left
from svhn.sweeps.curves import draw_overview, draw_run
from svhn.sweeps.folder import RunStatus as Status
from svhn.sweeps.folder import SweepFolder
from svhn.torch_inpaint.classifier import TrainConfig

COMMON = ("net", "opt", "batch", "lr", "epochs")
STYLE = """
:root { --ink: #1c2733; --muted: #5d6a76; --line: #dde3e8; --loss: #8a97a3; --validation: #0b7a75; --warn: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 32px 60px; max-width: 1320px; color: var(--ink); background: #fff;
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 10px; }
p { margin: 4px 0; } .muted { color: var(--muted); } .warn { color: var(--warn); }
.best { border-left: 4px solid var(--validation); padding: 8px 16px; margin: 18px 0; background: #f1f7f6; }
.best strong { font-size: 18px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 13px; color: var(--muted); font-weight: 600; vertical-align: bottom; }
th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.n, th.n { text-align: right; }
td.run { white-space: normal; min-width: 300px; } td.run span { font-size: 13px; font-weight: 400; }
tr.winner td { background: #f1f7f6; font-weight: 600; }
a { color: inherit; text-decoration-color: var(--line); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(390px, 1fr)); gap: 18px; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px 8px; break-inside: avoid; }
.card.winner { border-color: var(--validation); border-width: 2px; }
.card h3 { font-size: 15px; margin: 0; overflow-wrap: anywhere; } .card p { font-size: 13px; }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--muted); }
.key { display: inline-block; width: 22px; height: 0; border-top: 2.5px solid; vertical-align: middle; margin: 0 5px; }
"""


def write_page(folder: SweepFolder) -> None:
    """Write `report.html` into the folder of a sweep, from all that is measured by now."""
    statuses = folder.statuses()
    with replacing(folder.report) as temporary:
        temporary.write_text(render_page(folder.path.resolve().name, folder.read_plan().data, statuses), "utf-8")


def render_page(title: str, data: str, statuses: Sequence[Status]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title : str
    data : str
        What was trained on.
    statuses : sequence of RunStatus
        At least one.
    """
    best = best_run(statuses)
    order = sorted(statuses, key=lambda one: rank(one.best), reverse=True)
    states = [one.state for one in statuses]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    digits = next((one.record.data["digits"] for one in statuses if one.record), {})
    sizes = ", ".join(f"{count:,} {split}" for split, count in digits.items())
    parts = [
        f"<h1>Sweep {_text(title.removeprefix('sweep-'))}</h1>",
        f'<p class="muted">{", ".join(counts)}{time_left(statuses)} &middot; data: {_text(data.rsplit("/", 1)[-1])}'
        f"{f' ({sizes} digits)' if sizes else ''} &middot; {time.strftime('%Y-%m-%d %H:%M')}</p>",
        _best(best),
        "<h2>Runs</h2>",
        '<p class="muted">Sorted and chosen by the best validation accuracy; test is shown, never chosen by.</p>',
        _table(order, best),
        "<h2>Validation accuracy of all runs</h2>",
        draw_overview(order, best),
        "<h2>Loss and validation accuracy of each run</h2>",
        f'<p class="muted">{_key("loss", "training loss")}{_key("loss", "validation loss", "dashed")}'
        f"{_key('validation', 'validation accuracy')}{_key('warn', 'over-fits from here on')}</p>",
        f'<div class="cards">{"".join(_card(one, best) for one in order)}</div>',
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title>'
    head = f'<html lang="en"><head>{head}<style>{STYLE}</style></head>'
    return f"<!doctype html>{head}<body>{''.join(parts)}</body></html>"


def _key(colour: str, words: str, style: str = "solid") -> str:
    return f'<span class="key" style="color: var(--{colour}); border-top-style: {style}"></span>{words}&emsp;'


def _best(best: Status | None) -> str:
    if best is None:
        return '<p class="best">No run has been measured yet.</p>'
    row, test = best.best, best.record.metrics if best.record else {}
    line = f"validation {row['validation_accuracy']:.2%} at epoch {row['epoch']:.0f} of {best.run.config.epochs}"
    if "test_accuracy" in test:
        low, high = test["test_accuracy_interval"]
        line += f"; test {test['test_accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})"
    return f'<div class="best">Best run: <strong>{_text(best.run.name)}</strong><br>{line}</div>'


def _table(order: Sequence[Status], best: Status | None) -> str:
    varied = [name for name in _differing(order) if name not in COMMON]
    words = ["run", *COMMON, *varied]
    numbers = ["best validation", "at epoch", "test", "last loss", "parameters", "minutes"]
    head = "".join(f"<th>{_text(word)}</th>" for word in words)
    head += "".join(f'<th class="n">{word}</th>' for word in numbers)
    rows = "".join(_row(one, one is best, [*COMMON, *varied]) for one in order)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(one: Status, winner: bool, settings: list[str]) -> str:
    config, metrics = one.run.config, one.record.metrics if one.record else {}
    notes = f"<br><span>{_notes(one)}</span>" if _notes(one) else ""
    cells = "".join(f"<td>{_text(_setting(config, name))}</td>" for name in settings)
    values = ["", "", "", "", "", ""]
    if one.best:
        test = f"{metrics['test_accuracy']:.2%}" if "test_accuracy" in metrics else ""
        values = [f"{one.best['validation_accuracy']:.2%}", f"{one.best['epoch']:.0f}", test]
        values += [f"{one.history[-1]['loss']:.3f}", f"{metrics['parameters']:,}" if metrics else ""]
        values.append(f"{sum(row['seconds'] for row in one.history) / 60:.1f}")
    numbers = "".join(f'<td class="n">{value}</td>' for value in values)
    name = f'<td class="run"><a href="#{_text(one.run.name)}">{_text(one.run.name)}</a>{notes}</td>'
    return f"<tr{' class=winner' if winner else ''}>{name}{cells}{numbers}</tr>"


def _notes(one: Status) -> str:
    notes = [] if one.state == "done" else [_text(f"{one.state}: {one.error}" if one.error else one.state)]
    if found := overfitting(one.history):
        notes.append(f'<span class="warn">over-fits: {_text(found[1])}</span>')
    return "; ".join(notes)


def _card(one: Status, best: Status | None) -> str:
    line = "not measured yet"
    if one.best:
        line = f"best validation {one.best['validation_accuracy']:.2%} at epoch {one.best['epoch']:.0f}"
    if notes := _notes(one):
        line += f" &middot; {notes}"
    return (
        f'<div class="card{" winner" if one is best else ""}" id="{_text(one.run.name)}"><h3>{_text(one.run.name)}</h3>'
        f"<p class=muted>{line}</p>{draw_run(one.history, overfitting(one.history))}</div>"
    )


def _differing(statuses: Sequence[Status]) -> list[str]:
    """Return the settings that are not the same in all runs, in the order of TrainConfig."""
    first = statuses[0].run.config
    names = TrainConfig.__dataclass_fields__
    return [name for name in names if any(getattr(s.run.config, name) != getattr(first, name) for s in statuses)]


def _setting(config: TrainConfig, name: str) -> str:
    value = getattr(config, name)
    if isinstance(value, dict):
        return ", ".join(f"{split} {share:g}" for split, share in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(words: str) -> str:
    return html.escape(words, quote=True)
