"""How a diagnosis did on the corpus, in counts."""

from collections import Counter

DIFFERS = {"mask_differs", "denominator_differs"}  # says where, and gives no name


def find_names(diagnose, set_up):
    """{name: whether it is certain}; a refusal is the name 'refused'."""
    try:
        report = diagnose(set_up.make_batch, set_up.step, set_up.examples, set_up.encode, **set_up.meant)
    except ValueError:
        return {"refused": True}
    return {finding.fault: getattr(finding, "certain", True) for finding in report.findings}


def judge_names(names, expected):
    """How {name: certain} fits the expected names.

    missed     nothing is said              otherwise   a wrong name is certain, or no right one is said
    named      all names are right          possibly    a right one is among several that are possible
    differs    what differs is shown, and no wrong name is given
    """
    if not names:
        return "missed"
    wrong = set(names) - set(expected) - DIFFERS
    if any(names[name] for name in wrong):
        return "otherwise"
    if set(names) & set(expected):
        return "possibly" if wrong else "named" if set(names) <= set(expected) else "differs"
    return "otherwise" if wrong else "differs"


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
    """{fault: Counter of judge_names' words} for (name, expected, seed -> SetUp)."""
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
