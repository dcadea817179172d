"""FAULTY: (name, expected fault names, function seed -> SetUp), each fault planted in many right plans."""

from . import faults_of_batches as b
from . import faults_of_rows as f
from . import faults_of_steps as s
from . import faults_of_turns as u
from . import right_contents as c
from . import right_dicts as d
from . import right_packs as q
from . import right_roles as o
from . import right_rows as r
from . import right_steps as p
from . import right_templates as m
from .planting import chain, plant_all

FORMS = [r.pad_right, r.pad_left, r.pad_to_fixed_length, r.split_before_pad, r.split_before_pad_left]
FORMS += [r.roll_labels, q.flatten_with_positions, q.flatten_with_ends, q.pack_two_to_a_line]
FORMS += [
    d.collect_labels,
    d.collect_left,
    d.collect_completion_mask,
    r.sort_rows_by_length,
    r.cut_prompts_left,
]
FORMS += [m.use_alpaca, m.use_gemma, m.use_mistral, m.use_deepseek, m.use_gpt2, c.trim_contents]
FORMS += [p.divide_by_window, p.sum_up, p.round_loss_to_bfloat, p.shake_last_bits, p.smooth_labels]
FORMS += [p.give_loss_alone, p.give_loss_alone_of_left_dict, p.add_router_balance, p.compute_in_float32]
CHATS = [m.use_chatml, m.use_chatml_with_lit_newline, m.use_llama3, m.use_phi3, m.use_mistral, m.use_llama2]
CHATS += [
    r.pad_left_in_chats,
    q.flatten_with_segments,
    q.pack_chats,
    d.collect_labels_alone,
    p.round_loss_to_half,
]
TOOLS = [o.keep_tools_dark, o.stop_calls_otherwise, o.use_tools_in_mistral, o.use_tools_in_packs]
ROWS = [r.pad_right, r.pad_left, r.pad_to_fixed_length, m.use_alpaca, m.use_mistral, m.use_llama3]
ROWS += [p.give_loss_alone, p.shake_last_bits]
SEEN = [plan for plan in ROWS if plan is not p.give_loss_alone]  # those that give dlogits
BEGUN = [m.use_plain, m.use_alpaca, m.use_deepseek, m.use_gemma, q.flatten_with_positions, q.flatten_and_roll]
PACKS = [
    q.pack_two_to_a_line,
    q.flatten_with_segments,
    q.pack_chats,
    q.flatten_and_roll,
    q.pack_longest_first,
]
WITH_STOP_LAST = [
    r.pad_with_stop,
    r.pad_left_with_stop,
    r.split_before_pad_with_stop,
    d.collect_left_with_stop,
]
LEFT = [r.pad_left, r.pad_left_in_chats, r.split_before_pad_left]
FULL = [o.train_whole_sequence, o.train_whole_chats]
COUNTED = [p.divide_by_window, p.divide_by_weights_handed_over]

WEIGHED = [o.weigh_prompts, o.weigh_prompts_and_headers, o.weigh_prompts_in_plain_text]
STARTED = [m.use_chatml, m.use_llama3, r.pad_left_in_chats, d.collect_labels_alone]
PADDED = [m.use_gpt2, r.pad_to_fixed_length]  # a pad stands where the stop was, and may be one
# a header of one token, which is free: only the stop is surely wrong if the mask is one early
SHORT = [m.use_mistral, m.use_deepseek, m.use_llama2, q.pack_chats, d.collect_left_with_stop]
UNSEEN = [r.split_before_pad_with_stop]  # a stop without loss stands neither in the inputs nor in the targets
AFTER = [m.use_chatml_with_lit_newline, m.use_gemma]  # one early: newline for newline, both of them free


# name, fault, plans, and the other names that are right, too
OF_ROWS = [
    ("mask_not_applied", f.light_all, FORMS + CHATS + WITH_STOP_LAST),
    ("mask_not_applied", f.light_all_but_stops, [r.pad_with_stop, m.use_mistral, m.use_gpt2], "eos_masked"),
    ("mask_one_late", f.light_one_late, FORMS + CHATS + WITH_STOP_LAST),
    (
        "mask_one_early",
        f.light_one_early,
        [plan for plan in FORMS + CHATS + WITH_STOP_LAST if plan not in [*AFTER, *UNSEEN]],
    ),
    ("mask_one_early", f.light_one_early, UNSEEN, "eos_cut"),
    ("mask_inverted", f.invert, FORMS),
    ("eos_masked", f.darken_stops, FORMS + CHATS),
    (
        "eos_masked",
        f.blank_by_token,
        [plan for plan in [*WITH_STOP_LAST, m.use_gpt2, m.use_chatml, m.use_llama2] if plan not in UNSEEN],
    ),
    ("eos_masked", f.blank_by_token, UNSEEN, "eos_cut"),
    ("eos_cut", f.cut_stops, [plan for plan in FORMS if plan not in PADDED]),
    ("eos_cut", f.cut_stops, PADDED, "eos_masked"),
    (
        "eos_cut",
        f.cut_longest,
        [*ROWS, d.collect_labels, q.flatten_with_ends, r.split_before_pad, r.roll_labels],
    ),
    ("eos_cut", f.cut_to_fixed_length, [r.pad_to_fixed_length, m.use_llama3, m.use_chatml, r.pad_with_stop]),
    ("mask_one_late", f.light_one_late, WEIGHED),
    ("mask_one_early", f.light_one_early, WEIGHED),
    ("eos_masked", f.darken_stops, [*WEIGHED, *FULL]),
    ("marker_not_found", f.lose_some_markers, [*ROWS, d.collect_labels, q.pack_two_to_a_line, m.use_chatml]),
    ("double_bos", f.double_begin, BEGUN),
    ("bos_eos_inside", f.end_and_begin_again, [m.use_plain, m.use_alpaca, r.pad_right, d.collect_labels]),
    ("bos_eos_inside", f.begin_twice, [m.use_alpaca]),  # without a header, a second <bos> may be a separator
    ("last_turn_only", u.light_last_answer, CHATS),
    ("earlier_stops_masked", u.darken_earlier_stops, CHATS),
    ("tool_call_stops_masked", u.darken_call_stops, TOOLS),
    ("stop_in_next_message", u.stop_in_next_message, CHATS, "eos_cut"),
    ("tool_output_trained", u.light_tools, [*TOOLS, o.light_tools_faintly], "mask_differs"),
    ("span_runs_on", u.run_on_to_header, [m.use_chatml, m.use_llama3, m.use_phi3, q.flatten_with_segments]),
    ("span_runs_on", u.run_on_to_tools, TOOLS, "tool_output_trained"),
    ("generation_prompt_trained", u.light_headers, [m.use_chatml, m.use_llama3, m.use_phi3, m.use_alpaca]),
    (
        "generation_prompt_trained",
        u.light_headers,
        [m.darken_empty_think, d.collect_left, q.pack_two_to_a_line],
    ),
    (
        "answer_start_masked",
        u.darken_answer_starts,
        [*STARTED, o.keep_tools_dark],
    ),
    ("mask_differs", u.weigh_first_token_twice, ROWS),
    ("mask_differs", u.light_prompts_faintly, ROWS),
    ("mask_differs", u.forget_message_weights, [o.darken_by_weight, o.darken_by_flag, o.weigh_messages]),
    ("pads_in_the_loss", b.light_pads, [r.pad_right, r.pad_to_fixed_length, m.use_llama3, r.pad_with_stop]),
    ("prefix_masked_by_column", b.mask_by_column, LEFT),
    ("packing_drops_mask", b.drop_mask_when_packed, PACKS),
    ("boundary_in_the_loss", b.light_boundaries, PACKS),
    ("boundary_in_the_loss", b.light_boundaries_and_wrap, [q.flatten_and_roll, o.weigh_flat_with_tools]),
    ("boundary_in_the_loss", b.light_boundaries_of_dict, [d.collect_flat, d.collect_flat_with_ends]),
]
OF_SHIFTS = [
    ("not_shifted", b.do_not_shift, [r.pad_right, r.pad_left, m.use_chatml, p.give_loss_alone]),
    ("not_shifted", s.leave_labels_in_place, [d.collect_labels, d.collect_left]),
    ("shifted_twice", b.shift_twice, [r.pad_right, r.pad_to_fixed_length, m.use_llama3, p.give_loss_alone]),
    ("shifted_twice", s.shift_in_step, [r.pad_right, d.collect_labels, r.pad_left, m.use_mistral]),
    ("targets_unrelated", b.mix_targets_up, [r.pad_right, r.pad_to_fixed_length]),
]
OF_DIVISORS = [
    ("denominator_counts_all", s.divide_by_places, [*ROWS, d.collect_labels, q.pack_two_to_a_line]),
    ("denominator_counts_all", s.divide_by_real_targets, [*LEFT, d.collect_labels], "denominator_differs"),
    ("mean_of_means", s.average_rows, [*ROWS, d.collect_left, m.use_chatml, p.round_loss_to_bfloat]),
    ("mean_of_means", s.average_workers, [*ROWS, d.collect_labels, m.use_chatml]),
    ("mean_of_means", s.average_documents, [q.pack_two_to_a_line, q.flatten_with_segments, q.pack_chats]),
    ("mean_of_means", s.average_rows_of_window, COUNTED),
    ("denominator_differs", s.count_one_too_many, ROWS + FULL),
    ("denominator_differs", s.divide_by_rows, SEEN),
    ("denominator_differs", s.divide_by_rows, [p.give_loss_alone], "mean_of_means"),  # alike, alone
    ("denominator_differs", s.divide_by_unsaid_constant, SEEN),
    ("denominator_differs", s.divide_by_unsaid_constant, [p.divide_by_batch_size, p.divide_by_all_tokens]),
    ("denominator_differs", s.divide_by_half_of_count, COUNTED),
    (
        "mask_after_reduction",
        s.ignore_mask,
        [r.pad_right, r.pad_to_fixed_length, m.use_llama3],
        "mask_not_applied",
    ),
    ("mask_not_applied", s.light_all_in_step_but_pads, [r.pad_left, r.hand_attention_mask]),
]
OF_READING = [
    ("attention_mask_confused", s.read_answers_alone, [*ROWS, m.use_chatml, d.collect_labels]),
    (
        "packing_contamination",
        s.read_neighbours,
        [*PACKS, q.flatten_with_positions, p.give_loss_alone_of_packs],
    ),
    ("positions_not_reset", s.run_positions_on, [q.pack_two_to_a_line, q.flatten_with_ends, q.pack_chats]),
    ("gradient_scaled", s.scale_gradient, [*SEEN, q.pack_two_to_a_line, d.collect_labels]),
    ("smoothing_ignores_mask", s.smooth_everywhere, SEEN),
    ("auxiliary_loss_unmasked", s.stay_near_base, [*SEEN, d.collect_labels, q.pack_two_to_a_line]),
    ("auxiliary_loss_unmasked", s.shrink_normalizer_everywhere, SEEN),
    ("auxiliary_loss_unmasked", s.reward_entropy, SEEN),
    ("empty_mask_nan", s.divide_nothing_by_nothing, [*ROWS, d.collect_labels]),
    ("empty_mask_silent", s.divide_nothing_by_little, [*ROWS, d.collect_labels]),
]
OF_TWO = [
    ("mask_one_late", chain(f.light_one_late, s.average_rows), SEEN, "mean_of_means"),
    ("eos_masked", chain(f.darken_stops, s.divide_by_places), SEEN, "denominator_counts_all"),
    ("double_bos", chain(f.double_begin, f.light_one_early), [m.use_alpaca, m.use_plain], "mask_one_early"),
    ("boundary_in_the_loss", chain(b.light_boundaries, s.read_neighbours), PACKS, "packing_contamination"),
    ("eos_masked", chain(f.darken_stops, s.stay_near_base), SEEN, "auxiliary_loss_unmasked"),
]
MASKS = plant_all(OF_ROWS)  # what the oracle can see in the rows
DIVISORS = plant_all(OF_DIVISORS)
FAULTY = [*MASKS, *plant_all(OF_SHIFTS), *DIVISORS, *plant_all(OF_READING, OF_TWO)]
