"""How often the diagnosis is right: every fault of the zoo, planted in random pipelines, and its name."""

from collections import Counter

from .. import faults
from ..diagnose import measure
from . import processes

N_PIPELINES, QUICK_PIPELINES = 2, 1  # per seed: 10 seeds are 20 pipelines
VIEWS = {"loss and dlogits": True, "the loss alone": False}
KINDS = ("rows", "turns", "packing")
ALT = (
    "Two tables side by side, one with the loss and dlogits seen, one with the loss alone. A line is what "
    "was planted, a column what the diagnosis called it; nearly all counts stand on the diagonal. With the "
    "loss alone, two faults of the gradient are called healthy."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Counts {view: {planted: {named: how often}}}; `steps` has no meaning here."""
    pipelines = [n for seed in seeds for n in range(N_PIPELINES * seed, N_PIPELINES * (seed + 1))]
    pipelines = pipelines[:: N_PIPELINES // QUICK_PIPELINES] if quick else pipelines
    planted = [*faults.FAULTS, *(f"{measure.HEALTHY}, {kind}" for kind in KINDS)]
    jobs = [(name, view, tuple(pipelines)) for name in planted for view in VIEWS]
    done = processes.run_all(named, jobs, workers, report)
    return {
        "pipelines": pipelines,
        "seeds": list(seeds),
        "counts": {view: {name: done[name, view, tuple(pipelines)] for name in planted} for view in VIEWS},
    }


def named(planted, view, pipelines):
    """What one fault, or a healthy pipeline, is called in each of the random pipelines."""
    fault, _, kind = planted.partition(", ")
    fault = None if kind else fault
    names = (measure.named(fault, n, VIEWS[view], kind or "rows") for n in pipelines)
    return dict(Counter(names))


def right(counts):
    """(planted faults named rightly, planted, healthy pipelines accused, healthy pipelines)."""
    is_healthy = {name: name.startswith(measure.HEALTHY) for name in counts}
    total = [sum(sum(counts[n].values()) for n in counts if is_healthy[n] is want) for want in (False, True)]
    hits = sum(counts[name].get(name, 0) for name in counts if not is_healthy[name])
    accused = total[1] - sum(counts[name].get(measure.HEALTHY, 0) for name in counts if is_healthy[name])
    return hits, total[0], accused, total[1]


def caption(result):
    """How many were named rightly in each view, what was missed, and false alarms."""
    said = []
    for view, counts in result["counts"].items():
        hits, n, accused, healthy = right(counts)
        missed = [
            f"{fault} {row.get(fault, 0)} of {sum(row.values())}"
            for fault, row in counts.items()
            if fault in faults.FAULTS and row.get(fault, 0) < sum(row.values())
        ]
        beside = f" ({', '.join(missed)})" if missed else ""
        said.append(
            f"from {view}, {hits} of {n} are named rightly{beside}, false alarms {accused} of {healthy}"
        )
    return (
        f"Each of {len(faults.FAULTS)} faults planted in {len(result['pipelines'])} random pipelines of "
        f"minilm's own: {'; '.join(said)}. These are the faults that the diagnosis was written for; others "
        "it can only call different, or miss, and other people's pipelines are not counted here."
    )


def draw(result):
    """Two tables of counts with one order of names."""
    from . import plots  # matplotlib, only where something is drawn

    first = next(iter(result["counts"].values()))
    columns = [name for name in first if name in faults.FAULTS] + [measure.HEALTHY]
    others = {n for counts in result["counts"].values() for row in counts.values() for n in row} - {*columns}
    columns += sorted(others)
    figure = plots.new_figure(12, 7.8)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (view, counts) in zip(panels, result["counts"].items(), strict=True):
        grid = [[row.get(name, 0) for name in columns] for row in counts.values()]
        axes.imshow(grid, cmap="Blues", vmin=0, vmax=1.3 * len(result["pipelines"]), aspect="auto")
        axes.set_title(f"seen: {view}", fontsize=plots.FONT + 1)
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=9)
        axes.set_yticks(range(len(counts)), list(counts), fontsize=10)
        for y, line in enumerate(grid):
            for x, count in enumerate(line):
                if count:
                    shade = "white" if 2 * count > len(result["pipelines"]) else "black"
                    axes.text(x, y, count, ha="center", va="center", fontsize=9, color=shade)
    panels[0].set_ylabel("planted", fontsize=plots.FONT)
    figure.supxlabel("named", fontsize=plots.FONT)
    return figure
