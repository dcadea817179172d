"""The questions on masked and full-sequence loss. Their numbers are those of figures/, ten seeds."""

from .question import Question

EXERCISES = {}

QUESTIONS = {
    "still_conditional": Question(
        "True or false? Prompt and answer are joined, and the loss is calculated over the whole sequence. "
        "Then the model is still being optimised primarily to generate the answer for the given prompt.",
        {
            "a": "True: the answer is in the loss, and it is predicted from the prompt.",
            "b": "True: every token is predicted from those before it, so all of the loss is conditional.",
            "c": "False: it is optimised for log P(x, y) = log P(x) + log P(y|x), and the prompt's part "
            "competes.",
            "d": "False: log P(y|x) is not in this loss any more, so the model does not learn to answer.",
        },
        "c",
        {
            "a": "The thought: what is in the loss is what the loss is for. The answer is in it, but "
            "'primarily' is too much: 89 % of the targets are the prompt's, and at the end of training 97 % "
            "of the loss is.",
            "b": "The thought: conditional on anything is conditional on x. But 17 of 19 targets, on "
            "average, are prompt tokens predicted from earlier ones: that is log P(x), and answers nothing.",
            "c": "Yes: log P(y|x) is still a part, so the model does learn to answer. But 97 % of the loss "
            "at the end is the prompt's. Halfway, it answers 0.622 of the held-out rows exactly, and the "
            "masked model 0.823 (means over the figure's ten seeds).",
            "d": "The thought: what is diluted is gone. But log P(x, y) contains log P(y|x), and after 200 "
            "steps full loss answers 0.940 of the held-out rows exactly.",
        },
    ),
    "every_token_trained": Question(
        "An engineer fine-tunes a pre-trained model on instructions and responses. By a configuration "
        "error, the loss covers every token, not only those of the response. What is the most likely "
        "undesirable outcome?",
        {
            "a": "Training becomes unstable, and the loss turns into NaN.",
            "b": "The model does not learn to stop: it goes on after the response.",
            "c": "Nothing changes: the model reads the instruction in any case.",
            "d": "The model also learns to write instructions, and less of each step serves its responses.",
        },
        "d",
        {
            "a": "The thought: an error must show in the loss. But no run here became unstable, and full "
            "loss ends at 0.669 nats per target. This fault is silent, which is why one looks for it.",
            "b": "The thought: more targets, no clear end. But <eos> carries loss under both losses, and "
            "exact match counts it: 0.940 of the held-out answers end where they should.",
            "c": "The thought: reading is training. But reading needs no loss, and grading adds some: -log "
            "P(x) ends at 0.723 nats per token under full loss, at 5.323 under masked loss.",
            "d": "Yes: -log P(x) falls to 0.723 nats per token, close to the floor of 0.715, so the model "
            "writes questions. The answers come later: over ten seeds, 0.622 exact against 0.823 halfway. "
            "How much this costs depends on rate, steps and data.",
        },
    ),
    "objective": Question(
        "Two teams fine-tune the same base model on the same rows. Team A averages the loss over all "
        "targets and reports 0.669. Team B averages it over the answers' targets and reports 0.078. What do "
        "the two objectives optimise, and what do the two numbers say?",
        {
            "a": "Both optimise log P(y|x). B's number is lower, so B's model answers better.",
            "b": "A optimises log P(x, y), B log P(y|x). The numbers are means over different targets and "
            "do not compare: measure -log P(y|x) for both.",
            "c": "Both optimise log P(y|x). A adds log P(x), a constant, so only the numbers differ.",
            "d": "A optimises log P(x, y), B log P(y): without loss on x, B's model need not read it.",
        },
        "b",
        {
            "a": "The thought: lower is better. 97 % of A's 0.669 comes from the prompts. "
            "On the answers alone, A's model has 0.209: behind B's 0.078, but not by as much.",
            "b": "Yes. Measured on the same targets, the answers', A has 0.209 and B 0.078 nats per token. "
            "That compares, at this rate and after these steps.",
            "c": "The thought: x is given, so it is a constant. The text x is, but log P(x) depends on the "
            "parameters: per token, -log P(x) goes from 3.544 to 0.723 in A's training, and to 5.323 in B's.",
            "d": "The thought: no loss on x, no reading of x. But y is predicted from x. B's model answers "
            "0.987 of the held-out questions exactly, out of 96 facts: it cannot do this without reading "
            "them.",
        },
    ),
}
