"""TRL's SFTTrainer on tiny models: its own training templates, pairs and conversations."""

import logging
import pathlib
import tempfile
import warnings

import datasets
import trl
from small_models import CHATS, PAIRS, make_chats, make_model, make_tokenizer

datasets.disable_progress_bars()
logging.getLogger("trl").setLevel(logging.ERROR)
TEMPLATES = pathlib.Path(trl.__file__).parent / "chat_templates"
ENDS = {  # the stop token of templates that do not end a turn by <|im_end|>
    "cohere": "<|END_OF_TURN_TOKEN|>",
    "deepseek": "<｜end▁of▁sentence｜>",
    "diffusion_gemma": "<turn|>",
    "gemma": "<end_of_turn>",
    "glm4moe": "<|user|>",
    "gptoss": "<|return|>",
    "idefics3": "<end_of_utterance>",
    "llama3": "<|eot_id|>",
    "llava_next": "<|eos|>",
    "muse_glimmer": "<|eot|>",
    "phi3": "<|end|>",
    "smolvlm": "<end_of_utterance>",
}
PARTS = ("idefics3", "llava_next", "smolvlm")  # templates that read contents as lists of parts
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}"
    "{{ '\n' }}{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def list_templates():
    """The names of all training templates that TRL ships."""
    return sorted(path.stem.removesuffix("_training") for path in TEMPLATES.glob("*_training.jinja"))


def make_trainer(
    rows, tokenizer, model="llama", trainer=trl.SFTTrainer, kept=None, model_settings=None, **settings
):
    """A trainer of a tiny model on these rows; `kept` are the trainer's own arguments."""
    if isinstance(model, str):
        model = make_model(len(tokenizer), model, **(model_settings or {}))
    fixed = {
        "output_dir": tempfile.mkdtemp(),
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "gradient_checkpointing": False,
        "max_length": None,
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trainer(
            model=model,
            args=trl.SFTConfig(**{**fixed, **settings}),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
            **(kept or {}),
        )


def make_pair_rows(pairs=PAIRS):
    """Pairs as TRL's prompt/completion rows; a blank stands between the two."""
    return [{"prompt": prompt + " ", "completion": answer} for prompt, answer in pairs]


def make_conversational_pairs():
    """Chats as conversational prompt/completion rows: the last answer is the completion."""
    return [{"prompt": chat["messages"][:-1], "completion": chat["messages"][-1:]} for chat in make_chats()]


def make_parts(rows):
    """Chats whose contents are lists of parts, as models that see images take them."""
    return [
        {"messages": [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in row["messages"]]}
        for row in rows
    ]


def make_templated(name, **settings):
    """(trainer, examples) for assistant_only_loss with one of TRL's own templates."""
    template = (TEMPLATES / f"{name}_training.jinja").read_text(encoding="utf-8")
    eos = next((end for start, end in ENDS.items() if name.startswith(start)), "<|im_end|>")
    data = make_parts(make_chats(CHATS[:2])) if name in PARTS else make_chats(CHATS[:2])
    return make_trainer(data, make_tokenizer(template, eos), assistant_only_loss=True, **settings), data
