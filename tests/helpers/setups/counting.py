"""How a diagnosis did on the corpus, in counts.

    cd tests/helpers && PYTHONPATH=../.. python -m setups.counting 6    all kinds, seeds 0 to 5

"right" counts right set-ups about which nothing is said, "alarms" the others; a refusal is an alarm.
"""

import sys
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
    right = set(names) & set(expected)
    if wrong:
        return "possibly" if right else "otherwise"
    return "named" if right == set(names) else "differs"


def count_alarms(diagnose, groups, seeds):
    """{group: Counter(right=, alarms=)} for {group: [seed -> SetUp]}."""
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


def main(n_seeds):
    from minilm import diagnose

    from . import faulty, right

    counts = count(diagnose.pipeline, right.GROUPS, faulty.FAULTY, range(n_seeds))
    for part, groups in counts.items():
        for group, verdicts in groups.items():
            print(part, group, dict(verdicts))


if __name__ == "__main__":
    main(int(sys.argv[1]))
