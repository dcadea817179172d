"""Training set-ups in a style that is not minilm's, right ones and faulty ones, drawn from seeds.

models      two toy models: a decaying mean with positions, attention with rotary positions
templates   messages -> pieces: each token with its role, its part, its loss weight
draws       examples at random
collators   rows of pieces -> batches of all shapes; how a step reads them
steps       cross-entropy, divisors, further terms, what a step gives back
plans       Plan: one of each of the above; build(plan) -> SetUp
right_rows, right_templates, right_roles, right_steps, right    RIGHT: functions seed -> SetUp
faults_of_rows, faults_of_steps, faulty    FAULTY: (name, expected fault names, function seed -> SetUp)
oracle      is a set-up right? told without minilm
counting    count(set-ups) -> how a diagnosis did
"""
