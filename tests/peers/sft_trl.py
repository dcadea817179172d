"""Fine-tune an exported folder with TRL's SFTTrainer on the CPU, every setting fixed.

    python tests/peers/sft_trl.py FOLDER ROWS.jsonl OUT --batch 4 --steps 4
    torchrun --nproc_per_node 2 tests/peers/sft_trl.py FOLDER ROWS.jsonl OUT --batch 2 --steps 4

The rows are taken in the file's order, --batch of them in each process a step. OUT then holds the
fine-tuned model and sft.json: the loss of every step in every process, and the labels of every row.
test_trl.py compares it with minilm. Needs torch, transformers and trl.
"""

import argparse
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import trl
from datasets import Dataset


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("rows")
    parser.add_argument("out")
    parser.add_argument("--batch", type=int, default=4, help="rows a process and step")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--optim", choices=("sgd", "adamw_torch"), default="sgd")
    parser.add_argument("--mean-of-means", action="store_true", help="every process divides by its own count")
    parser.add_argument(
        "--assistant-only", action="store_true", help="for conversations: the folder's template"
    )
    return parser.parse_args()


def make_config(options):
    """The settings of what minilm does: no clipping, no decay, constant rate, float32, rows in order."""
    return trl.SFTConfig(
        output_dir=options.out,
        per_device_train_batch_size=options.batch,
        max_steps=options.steps,
        train_sampling_strategy="sequential",
        optim=options.optim,
        learning_rate=options.lr,
        adam_beta1=0.9,
        adam_beta2=0.95,
        adam_epsilon=1e-8,
        lr_scheduler_type="constant",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=0.0,
        average_tokens_across_devices=not options.mean_of_means,
        assistant_only_loss=options.assistant_only,
        max_length=None,
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


class Recorder(trl.SFTTrainer):
    """SFTTrainer that keeps the unrounded loss of every step in this process."""

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.steps_seen = [*getattr(self, "steps_seen", []), loss.item()]
        return loss


def main():
    options = parse_options()
    with open(options.rows, encoding="utf-8") as file:
        rows = Dataset.from_list([json.loads(line) for line in file])
    trainer = Recorder(options.folder, make_config(options), train_dataset=rows)
    trainer.train()
    losses = trainer.accelerator.gather(torch.tensor(trainer.steps_seen, dtype=torch.float64)[None])
    trainer.save_model(options.out)
    if trainer.is_world_process_zero():
        prepared = [{key: row[key] for key in ("input_ids", "labels")} for row in trainer.train_dataset]
        with open(os.path.join(options.out, "sft.json"), "w", encoding="utf-8") as file:
            json.dump({"losses": losses.tolist(), "rows": prepared}, file)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # gloo's threads sometimes abort or hang a process that ends in the usual way
