"""The mask under each known mistake, and which explanation comes first."""

import itertools

import diagnose_setups as setups
import numpy as np

from minilm.diagnose import batch, examples, meant, mistakes, prepare


def make_case(prompt_weight):
    """Three templated rows, the mask as made."""
    pairs, make_batch = setups.in_rows(row=setups.templated_row)(np.random.default_rng(0))
    said = meant.read_meant(prompt_weight, {}, list)
    parts = [examples.encode_parts(pair, list, said) for pair in pairs]
    made = batch.call_make_batch(make_batch, pairs)
    return prepare.make_case(make_batch, setups.mean_model().loss, pairs, parts, list, said, made)[0]


def test_single_mistakes_come_before_pairs_and_sure_names_before_unsure_ones():
    for prompt_weight in (0.0, 0.1):
        ranks = {}
        for rank, names, _ in mistakes.make_known_mistakes(make_case(prompt_weight)):
            ranks.setdefault((rank[0], len(names)), []).append(rank)
        ordered = [ranks[key] for key in sorted(ranks)]
        assert len(ordered) == 4
        assert all(max(a) < min(b) for a, b in itertools.pairwise(ordered))


def test_the_darkest_base_comes_first():
    case = make_case(0.0)
    bases = list(mistakes.make_bases(case))
    assert np.array_equal(bases[0], case.weights) and len(bases) == 4
    assert bases[0].sum() == min(base.sum() for base in bases)
