"""Fine-tune MiniLM-L6 on the real GLUE SST-2, the FP32 model of the accuracy tables.

    python scripts/finetune_sst2.py --data ../shared/data/glue/sst2 --output runs/minilm-sst2

`--data` holds `train.tsv` and `validation.tsv` (columns sentence, label). About 15 minutes on 2 cores.
"""

import argparse
from pathlib import Path

import datasets
import numpy as np
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from inc_hf.demo.assets import minilm_directory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--output", type=Path, default=Path("runs/minilm-sst2"))
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()

    model_directory = minilm_directory()
    tokenizer = AutoTokenizer.from_pretrained(model_directory)
    files = {split: str(args.data / f"{split}.tsv") for split in ("train", "validation")}
    data = datasets.load_dataset("csv", data_files=files, delimiter="\t", quoting=3)
    data = data.map(lambda batch: tokenizer(batch["sentence"], truncation=True, max_length=128), batched=True)
    model = AutoModelForSequenceClassification.from_pretrained(model_directory, num_labels=2)
    for parameter in model.bert.embeddings.parameters():
        parameter.requires_grad = False

    trainer = Trainer(
        model,
        TrainingArguments(
            output_dir=str(args.output / "trainer"),
            num_train_epochs=args.epochs,
            learning_rate=args.learning_rate,
            warmup_steps=0.1,
            weight_decay=0.01,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=64,
            train_sampling_strategy="group_by_length",
            eval_strategy="epoch",
            save_strategy="no",
            logging_steps=200,
            report_to="none",
            use_cpu=True,
            seed=args.seed,
        ),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {"accuracy": float(np.mean(p.predictions.argmax(-1) == p.label_ids))},
    )
    trainer.train()
    trainer.save_model(str(args.output))
    tokenizer.save_pretrained(args.output)


if __name__ == "__main__":
    main()
