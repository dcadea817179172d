"""Training set-ups in a style that is not minilm's, right ones and faulty ones, drawn from seeds.

models      two toy models: a decaying mean with positions, attention with rotary positions
templates   messages -> pieces: each token with its role, its part, its loss weight
draws       examples at random
collators   rows of pieces -> batches of all shapes
steps       what a step reads of its batch, cross-entropy, divisors, further terms, what comes back
plans       Plan: one of each of the above; build(plan) -> SetUp
right       RIGHT: functions seed -> SetUp, and GROUPS of them, from the plans of
            right_rows, right_packs, right_dicts, right_templates, right_contents, right_roles, right_steps
faulty      FAULTY: (name, expected fault names, function seed -> SetUp), from the faults of
            faults_of_rows, faults_of_turns, faults_of_batches, faults_of_steps, and planting
oracle      is a set-up right? told without minilm
counting    how a diagnosis did, in counts
"""
