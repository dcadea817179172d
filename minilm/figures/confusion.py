"""How often the diagnosis is right: planted faults and their names, right set-ups and false alarms."""

from collections import Counter

from .. import figures
from . import processes, results, trials

SLICES, QUICK_SLICES = 19, 1  # a job is every 19th trial of a group; a quick figure has one of them
VERDICTS = {  # of a planted fault: its words in the figure, its colour
    "named": ("named", "#0072B2"),
    "possibly": ("one of\nseveral", "#56B4E9"),
    "differs": ("shown to\ndiffer", "#009E73"),
    "missed": ("missed", "0.75"),
    "otherwise": ("named\nwrongly", "#D55E00"),
}
SHOWN_LINES = 18
ALT = (
    "On the left a bar for each group of set-ups and each view of them, divided by what became of the planted "
    "faults: named, one of several names, shown to differ, missed, named wrongly, with counts. On the right, "
    "false alarms on right set-ups, with counts. Below, a table of the faults that were not always named."
)


# ---------------------------------------------------------------- counts


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Counts {group: {view: {planted: {verdict: {names: how often}}}}}; `steps` has no meaning here.

    Real trainers are tried where their libraries are installed, in processes of their own. Elsewhere,
    and in a quick figure, their counts are those of the stored figure.
    """
    seeds, slices = tuple(seeds), range(QUICK_SLICES if quick else SLICES)
    views = [(group, view) for group in (trials.OWN, trials.OTHERS) for view in (trials.BOTH, trials.ALONE)]
    counts = count_views(views, seeds, slices, workers, report)
    libraries = {} if quick else trials.read_versions()
    kept = not libraries
    if kept:
        libraries, of_trainers = load_trainers()
    else:
        views = [(trials.TRAINERS, trials.BOTH)]
        of_trainers = count_views(views, seeds, slices, max(workers, 1), report)
    return {"seeds": list(seeds), "libraries": libraries, "kept": kept, "counts": counts | of_trainers}


def count_views(views, seeds, slices, workers, report):
    """{group: {view: {planted: {verdict: {names: how often}}}}} of these slices of all trials."""
    jobs = [(*view, seeds, k, SLICES) for view in views for k in slices]
    done = processes.run_all(trials.count_slice, jobs, workers, report)
    counts = {}
    for group, view in views:
        tried = [trial for job in jobs if job[:2] == (group, view) for trial in done[job]]
        counts.setdefault(group, {})[view] = table = {}
        for (planted, verdict, names), n in sorted(Counter(tried).items()):
            table.setdefault(planted, {}).setdefault(verdict, {})[names] = n
    return counts


def load_trainers():
    """(versions, counts) of real trainers that stand in the stored figure; both empty if none do."""
    path = figures.FIGURES / "confusion.json"
    stored = results.read_json(path) if path.is_file() else {}
    counts = stored.get("counts", {})
    return stored.get("libraries", {}), {name: counts[name] for name in (trials.TRAINERS,) if name in counts}


def sum_verdicts(table):
    """({verdict: how many planted faults}, false alarms, right set-ups) of one group and view."""
    planted, right = Counter(), Counter()
    for name, verdicts in table.items():
        for verdict, names in verdicts.items():
            (right if name.startswith(trials.RIGHT) else planted)[verdict] += sum(names.values())
    return planted, right["alarm"], right.total()


def list_views(result):
    """(group, view, its table) of all that was counted, in the order of the figure."""
    return [
        (group, view, table) for group, views in result["counts"].items() for view, table in views.items()
    ]


def list_unnamed(result):
    """What went otherwise, most often first: (view, verdict, planted, names, n, total, group)."""
    found = []
    for group, view, table in list_views(result):
        for planted, verdicts in table.items():
            total = sum(sum(names.values()) for names in verdicts.values())
            found += [
                (view, verdict, planted, names, n, total, group)
                for verdict, said in verdicts.items()
                if verdict not in ("named", trials.RIGHT)
                for names, n in said.items()
            ]
    return sorted(found, key=lambda line: (line[0] == trials.ALONE, -line[4], *line))


# ---------------------------------------------------------------- caption and figure


def caption(result):
    """Named faults and false alarms of all groups together, then of each, then what was not named."""
    planted, alarms, right = Counter(), 0, 0
    for _, view, table in list_views(result):
        if view == trials.BOTH:
            verdicts, alarms_here, right_here = sum_verdicts(table)
            planted, alarms, right = planted + verdicts, alarms + alarms_here, right + right_here
    return (
        f"From loss and dlogits the diagnosis names {planted['named']:,} of {planted.total():,} planted "
        f"faults, {planted['otherwise']} wrongly, and accuses {alarms} of {right:,} right set-ups. "
        f"{' '.join(describe_view(*view) for view in list_views(result))} "
        f"Not named from loss and dlogits: {describe_unnamed(result, trials.BOTH)}. Not named from the loss "
        f"alone: {describe_unnamed(result, trials.ALONE)}. {describe_libraries(result)}"
        "The diagnosis was written for these faults; others it can only show to differ, or miss."
    )


def describe_view(group, view, table):
    """One group seen in one way, as a sentence."""
    planted, alarms, right = sum_verdicts(table)
    kinds = sum(name.startswith(trials.RIGHT) for name in table)
    others = [f"{planted[verdict]} {VERDICTS[verdict][0].replace(chr(10), ' ')}" for verdict in VERDICTS]
    return (
        f"{group[0].upper()}{group[1:]}, {view}: of {planted.total()} planted faults {', '.join(others)}; "
        f"false alarms on {alarms} of {right} right set-ups of {kinds} kinds."
    )


def describe_unnamed(result, view):
    """What was not named as planted in one view, with how often, as text."""
    lines = [
        f"{planted} ({n} of {total} in {group}: {describe_verdict(verdict, names)})"
        for seen, verdict, planted, names, n, total, group in list_unnamed(result)
        if seen == view
    ]
    return ", ".join(lines) or "none"


def describe_verdict(verdict, names):
    """What was said instead, as text."""
    return {"missed": "missed", "alarm": f"false alarm, {names}", "otherwise": f"wrongly {names}"}.get(
        verdict, names
    )


def describe_libraries(result):
    """With which versions the trainers were tried, as a sentence; where they were not, says so."""
    if not result["libraries"]:
        return "Torch and TRL were not tried here. "
    versions = ", ".join(f"{name} {version}" for name, version in result["libraries"].items())
    return f"Torch and TRL: {versions}{': as measured there, not anew' if result['kept'] else ''}. "


def draw(result):
    """Bars of planted faults, bars of right set-ups, and below them what was not named."""
    from . import plots  # matplotlib, only where something is drawn

    views, lines = list_views(result), list_unnamed(result)
    n_lines = min(len(lines), SHOWN_LINES + 1)
    heights = 1.2 + 0.6 * len(views), 0.7 + 0.24 * n_lines
    figure = plots.new_figure(12.5, sum(heights))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    planted, right = top.subplots(1, 2, sharey=True, width_ratios=(3.4, 1))
    draw_planted(planted, views)
    draw_right(right, views)
    draw_lines(bottom.subplots(), lines)
    return figure


def draw_planted(axes, views):
    """A bar a view, divided by verdict; every count in a column of its verdict's colour at the right."""
    from . import plots

    for y, (_, _, table) in enumerate(views):
        counts, start = sum_verdicts(table)[0], 0
        for column, (verdict, (_, colour)) in enumerate(VERDICTS.items()):
            share = 100 * counts[verdict] / max(counts.total(), 1)
            axes.barh(
                y, share, 0.62, left=start, color=colour, hatch="//" if verdict == "otherwise" else None
            )
            start += share
            style = {"weight": "bold"} if counts[verdict] else {"color": "0.6"}
            axes.text(
                108 + 14 * column, y, counts[verdict], ha="center", va="center", fontsize=plots.FONT, **style
            )
    for column, (words, colour) in enumerate(VERDICTS.values()):
        axes.text(108 + 14 * column, -0.62, words, ha="center", va="bottom", fontsize=plots.FONT - 2)
        axes.barh(-0.52, 8, 0.1, left=104 + 14 * column, color=colour)
    axes.set_yticks(range(len(views)), [f"{group}\n{view}" for group, view, _ in views])
    axes.set_ylim(len(views) - 0.5, -1.3)
    plots.label_panel(axes, "planted faults: what the diagnosis called them", "% of planted faults", "")
    axes.set_xlim(0, 172)
    axes.set_xticks(range(0, 101, 25))
    axes.spines["bottom"].set_bounds(0, 100)
    axes.xaxis.set_label_coords(50 / 172, -0.1)


def draw_right(axes, views):
    """A pale bar of right set-ups a view; false alarms fill it from the left."""
    from . import plots

    for y, (_, _, table) in enumerate(views):
        _, alarms, right = sum_verdicts(table)
        axes.barh(y, 100, 0.62, color="0.93")
        axes.barh(y, 100 * alarms / max(right, 1), 0.62, color=VERDICTS["otherwise"][1], hatch="//")
        axes.text(
            50, y, f"{alarms} of {right}", ha="center", va="center", fontsize=plots.FONT + 1, weight="bold"
        )
    plots.label_panel(axes, "false alarms on right set-ups", "", "")
    axes.set_xlim(0, 100)
    axes.set_xticks([])
    axes.tick_params(labelleft=False, left=False)
    axes.spines[["left", "bottom"]].set_visible(False)


def draw_lines(axes, lines):
    """What was not named as planted, as a table in words."""
    from . import plots

    shown = [
        (planted, f"{n} of {total}", describe_verdict(verdict, names), group, view)
        for view, verdict, planted, names, n, total, group in lines[:SHOWN_LINES]
    ]
    if len(lines) > SHOWN_LINES:
        shown.append((f"and {len(lines) - SHOWN_LINES} more", "", "", "", ""))
    heads = ("planted, not always named", "how often", "called", "in", "seen")
    for y, line in enumerate([heads, *(shown or [("none", "", "", "", "")])]):
        for x, words in zip((0, 0.27, 0.36, 0.62, 0.83), line, strict=True):
            axes.text(x, -y, words, va="center", fontsize=plots.FONT - 1, weight=None if y else "bold")
    axes.set_ylim(-len(shown) - 0.6, 0.6)
    axes.set_axis_off()
