"""How often the diagnosis is right: planted faults and their names, right set-ups and false alarms."""

from collections import Counter

from .. import figures
from . import processes, results, trials

SLICES, QUICK_SLICES = 19, 1  # a job is every 19th trial of a group; a quick figure has one of them
VERDICTS = {  # of a planted fault, in the words of caption and figure
    "named": "named",
    "possibly": "one of several",
    "differs": "shown to differ",
    "missed": "missed",
    "otherwise": "named wrongly",
}
HEADS = ("planted, not always named", "how often", "called", "in", "seen")
SHOWN_LINES = 18
ALT = (
    "On the left a bar for each group of set-ups and each view of them, divided by what became of the "
    "planted faults: named, one of several, shown to differ, missed, named wrongly, each with its count. On "
    "the right, false alarms on right set-ups, with counts. Below, a table of faults not always named."
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
        "The diagnosis was mended on these very set-ups: expect more misses, and alarms, on others."
    )


def describe_view(group, view, table):
    """One group seen in one way, as a sentence."""
    planted, alarms, right = sum_verdicts(table)
    kinds = sum(name.startswith(trials.RIGHT) for name in table)
    said = [
        f"{planted[verdict]} {words}"
        for verdict, words in VERDICTS.items()
        if planted[verdict] or verdict == "otherwise"
    ]
    return (
        f"{group[0].upper()}{group[1:]}, {view}: of {planted.total()} planted faults {', '.join(said)}; "
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
    """Bars of planted faults, false alarms on right set-ups, and below them a table of what was not named."""
    from . import verdict_bars  # matplotlib, only where something is drawn

    bars = [(f"{group}\n{view}", *sum_verdicts(table)) for group, view, table in list_views(result)]
    lines = [
        (planted, f"{n} of {total}", describe_verdict(verdict, names), group, view)
        for view, verdict, planted, names, n, total, group in list_unnamed(result)
    ]
    if len(lines) > SHOWN_LINES:
        lines[SHOWN_LINES:] = [(f"and {len(lines) - SHOWN_LINES} more", "", "", "", "")]
    return verdict_bars.draw(bars, VERDICTS, [HEADS, *(lines or [("none", "", "", "", "")])])
