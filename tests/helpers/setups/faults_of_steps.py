"""Faults of the step, each a function Plan -> Plan of the plan that has it."""

import numpy as np

from . import steps


def change_seen(plan, fault):
    """The plan with fault(seen) after its own reading."""
    return plan._replace(read=lambda *batch: fault(plan.read(*batch)))


def ignore_mask(plan):
    """Every place counts, pads too; the mask only scales the mean."""
    return change_seen(plan, lambda seen: seen._replace(mask=np.ones_like(seen.mask)))


def shift_in_step(plan):
    """The step shifts targets that are shifted already."""
    return change_seen(
        plan,
        lambda seen: seen._replace(
            targets=steps.shift_left(seen.targets, -100), mask=steps.shift_left(seen.mask, 0.0)
        ),
    )


def leave_labels_in_place(plan):
    """The step of a dict does not shift: what the logits should predict is what they read."""

    def read(batch):
        labels = batch["labels"]
        return plan.read(batch)._replace(targets=labels, mask=(labels >= 0) * 1.0)

    return plan._replace(read=read)


def read_answers_alone(plan):
    """The loss mask is taken for the attention mask."""

    def fault(seen):
        lit = np.concatenate([np.zeros_like(seen.mask[:, :1]), seen.mask[:, :-1]], axis=1)
        return seen._replace(readable=(lit > 0) * 1)

    return change_seen(plan, fault)


def read_neighbours(plan):
    """Documents are not kept apart."""
    return change_seen(plan, lambda seen: seen._replace(documents=None))


def run_positions_on(plan):
    """Documents are kept apart, positions run through the line."""
    return change_seen(plan, lambda seen: seen._replace(positions=None))


# ---------------------------------------------------------------- divisors


def divide_by_places(plan):
    return plan._replace(divide=lambda seen: float(seen.mask.size))


def divide_by_real_targets(plan):
    """Prompts count, pads do not."""
    return plan._replace(divide=lambda seen: float(seen.readable.sum()))


def average_rows(plan):
    def divide(seen):
        sums = steps.weigh_mask(seen).sum(axis=1, keepdims=True)
        return np.maximum(sums, 1e-9) * (sums > 0).sum()

    return plan._replace(divide=divide)


def average_workers(plan):
    """Two workers, one with the first row, one with all others; the mean of their means."""

    def divide(seen):
        sums = steps.weigh_mask(seen).sum(axis=1)
        worker = np.minimum(np.arange(len(sums)), 1)
        sums = np.array([sums[worker == k].sum() for k in (0, 1)])
        return np.maximum(sums, 1e-9)[worker][:, None] * (sums > 0).sum()

    return plan._replace(divide=divide)


def average_documents(plan):
    """Each document of a packed line has the same share."""

    def divide(seen):
        weights = steps.weigh_mask(seen)
        ids = seen.documents + 1000 * np.arange(len(weights))[:, None]
        sums = (weights[:, :, None, None] * (ids[:, :, None, None] == ids)).sum(axis=(0, 1))
        n_documents = len(np.unique(ids[weights > 0]))
        return np.maximum(sums, 1e-9) * n_documents

    return plan._replace(divide=divide)


def average_rows_of_window(plan):
    """Row means, summed, over the rows of a window of four such batches."""

    def collate(rows):
        *batch, _ = plan.collate(rows)
        return *batch, 4.0 * len(rows)

    def divide(seen):
        return np.maximum(steps.weigh_mask(seen).sum(axis=1, keepdims=True), 1e-9) * seen.count

    return plan._replace(collate=collate, divide=divide)


def count_one_too_many(plan):
    """The first token of each row is counted, though nothing predicts it."""
    return plan._replace(divide=lambda seen: steps.weigh_mask(seen).sum() + len(seen.ids))


def divide_by_rows(plan):
    return plan._replace(divide=lambda seen: float(len(seen.ids)))


def divide_by_unsaid_constant(plan):
    return plan._replace(divide=steps.by(333.0))


def divide_by_half_of_count(plan):
    """The number that is handed over, halved: two workers' worth of it."""
    return plan._replace(divide=lambda seen: seen.count / 2)


def divide_nothing_by_nothing(plan):
    """NaN where nothing is lit."""
    return plan._replace(check=steps.allow_empty, divide=lambda seen: steps.weigh_mask(seen).sum() or np.nan)


def divide_nothing_by_little(plan):
    """0 where nothing is lit."""
    return plan._replace(check=steps.allow_empty, divide=lambda seen: steps.weigh_mask(seen).sum() or 1e-8)


# ---------------------------------------------------------------- gradients and terms


def scale_gradient(plan):
    return plan._replace(give=lambda loss, dlogits: plan.give(loss, dlogits / 3))


def add_term(plan, term):
    return plan._replace(terms=(*plan.terms, term))


def smooth_everywhere(plan):
    """The uniform part of label smoothing is averaged over all places."""

    def term(seen, logits):
        log_probs = steps.find_log_probs(logits)
        share = 0.1 / seen.mask.size
        return -share * log_probs.mean(axis=-1).sum(), share * (np.exp(log_probs) - 1 / logits.shape[-1])

    return add_term(plan, term)


def stay_near_base(plan):
    """The KL term reaches all places."""
    return add_term(plan, lambda seen, logits: steps.stay_near_base(logits, np.ones(seen.mask.shape)))


def shrink_normalizer_everywhere(plan):
    return add_term(
        plan, lambda seen, logits: steps.shrink_normalizer(seen, logits, np.ones_like(seen.mask, float))
    )


def reward_entropy(plan):
    """-0.02 mean entropy of all places."""

    def term(seen, logits):
        log_probs = steps.find_log_probs(logits)
        probs = np.exp(log_probs)
        entropy = -(probs * log_probs).sum(axis=-1, keepdims=True)
        share = 0.02 / seen.mask.size
        return -share * entropy.sum(), share * probs * (log_probs + entropy)

    return add_term(plan, term)


def light_all_in_step_but_pads(plan):
    """The mask is right in the batch; the step makes its own from what may be read."""
    return change_seen(plan, lambda seen: seen._replace(mask=steps.shift_left(seen.readable, 0) * 1.0))
