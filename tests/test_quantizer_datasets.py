"""`IncQuantizer.get_calibration_dataset`: files, shuffled and tokenized."""

import json

import datasets
import pytest
from quantizing import STATIC
from tiny import tiny_model, tiny_tokenizer

from inc_hf import IncQuantizer

pytest_plugins = ["workspace_fixture", "quantizer_fixture"]
pytestmark = pytest.mark.usefixtures("workspace", "data_cache")


class TestCalibrationDataset:
    ROWS = [{"text": f'"{i}" is, the film', "label": i % 2} for i in range(20)]

    def write(self, directory, ending: str):
        path = directory / f"train.{ending}"
        dataset = datasets.Dataset.from_list(self.ROWS)
        if ending == "csv":
            dataset.to_csv(path, index=False)
        elif ending == "tsv":
            lines = ["text\tlabel", *(f"{row['text']}\t{row['label']}" for row in self.ROWS)]
            path.write_text("\n".join(lines) + "\n")
        elif ending == "json":
            path.write_text(json.dumps(self.ROWS))
        elif ending == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in self.ROWS))
        else:
            dataset.to_parquet(path)
        return path

    def quantizer(self, **settings):
        return IncQuantizer.from_pretrained(tiny_model("bert"), tokenizer=tiny_tokenizer(), **settings)

    @pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
    @pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
    def test_file(self, tmp_path, ending, kind):
        dataset = self.quantizer().get_calibration_dataset(kind(self.write(tmp_path, ending)), num_samples=7)
        rows = list(dataset)
        assert len(rows) == 7 and all(row in self.ROWS for row in rows)
        assert len({row["text"] for row in rows}) == 7

    def test_directory(self, tmp_path):
        (tmp_path / "data").mkdir()
        self.write(tmp_path / "data", "csv")
        assert len(self.quantizer().get_calibration_dataset(tmp_path / "data", num_samples=7)) == 7

    def test_more_samples_than_there_are(self, tmp_path):
        dataset = self.quantizer().get_calibration_dataset(self.write(tmp_path, "csv"), num_samples=1000)
        assert sorted(dataset["text"]) == sorted(row["text"] for row in self.ROWS)

    def test_shuffled_by_the_seed(self, tmp_path):
        path = self.write(tmp_path, "csv")
        texts = [
            list(self.quantizer(seed=seed).get_calibration_dataset(path, num_samples=20)["text"]) for seed in (1, 1, 2)
        ]
        assert texts[0] == texts[1] != texts[2]
        assert texts[0] != [row["text"] for row in self.ROWS]

    @pytest.mark.parametrize("batched", [True, False], ids=["batched", "one by one"])
    def test_preprocess_function(self, tmp_path, batched):
        kinds = set()

        def preprocess(rows):
            kinds.add(type(rows["text"]))
            return tiny_tokenizer()(rows["text"])

        quantizer = self.quantizer()
        dataset = quantizer.get_calibration_dataset(
            self.write(tmp_path, "csv"), num_samples=7, preprocess_function=preprocess, preprocess_batch=batched
        )
        assert kinds == {list if batched else str}
        assert [row["input_ids"] for row in dataset] == tiny_tokenizer()(list(dataset["text"])).input_ids
        assert quantizer.quantize(STATIC, calibration_dataset=dataset).q_config["calibration_samples"] == 7

    def test_raw_texts_can_be_quantized_with(self, tmp_path):
        quantizer = self.quantizer()
        dataset = quantizer.get_calibration_dataset(self.write(tmp_path, "tsv"), num_samples=7)
        assert quantizer.quantize(STATIC, calibration_dataset=dataset).q_config["calibration_samples"] == 7

    def test_missing_file(self, tmp_path):
        with pytest.raises(OSError, match="missing.csv"):
            self.quantizer().get_calibration_dataset(tmp_path / "missing.csv")
