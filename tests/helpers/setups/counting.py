"""How a diagnosis did on the corpus, in counts."""

from collections import Counter

DIFFERS = {"mask_differs", "denominator_differs"}  # says where, and gives no name


def find_names(diagnose, set_up):
    """The names that a diagnosis gives; its refusal as 'refused'."""
    try:
        report = diagnose(set_up.make_batch, set_up.step, set_up.examples, set_up.encode, **set_up.meant)
    except ValueError:
        return ["refused"]
    return [finding.fault for finding in report.findings]


def judge_names(names, expected):
    """named: all are expected. differs: at least shown. missed: nothing. otherwise: some other name."""
    if not names:
        return "missed"
    if set(names) <= set(expected):
        return "named"
    if set(names) <= set(expected) | DIFFERS:
        return "differs"
    return "otherwise"


def count_alarms(diagnose, groups, seeds):
    """{group: Counter(right=, alarms=)} for {group: [seed -> SetUp]}; a refusal is an alarm."""
    return {
        group: Counter(
            "alarms" if find_names(diagnose, set_up(seed)) else "right"
            for set_up in set_ups
            for seed in seeds
        )
        for group, set_ups in groups.items()
    }


def count_named(diagnose, faulty, seeds):
    """{fault: Counter(named=, differs=, otherwise=, missed=)} for (name, expected, seed -> SetUp)."""
    counts = {}
    for name, expected, set_up in faulty:
        fault = name.split(",")[0]
        for seed in seeds:
            verdict = judge_names(find_names(diagnose, set_up(seed)), expected)
            counts.setdefault(fault, Counter())[verdict] += 1
    return counts


def count(diagnose, groups, faulty, seeds=(0,)):
    """Both: {"right": {group: Counter}, "faulty": {fault: Counter}}."""
    return {
        "right": count_alarms(diagnose, groups, seeds),
        "faulty": count_named(diagnose, faulty, seeds),
    }
