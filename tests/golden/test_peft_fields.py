"""Every field of PEFT's LoraConfig, edited one at a time: expandft computes what PEFT computes, or refuses the field
by name. The fields are those of the installed PEFT, so the fields of later versions are tested too."""

import copy
import dataclasses
import functools
import json
import warnings

import pytest
import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM

FIELDS = [field.name for field in dataclasses.fields(LoraConfig)]
# What a person, another program or a later version might put into any field.
VALUES = [True, "true", [0], {}, {"x": 1}, None]
# Values that make sense for one field, and change the computation or which modules have updates.
MORE = {
    "init_lora_weights": [False, "gaussian", "eva", "orthogonal", "mica", "pissa", "pissa_niter_4", "PISSA", "olora",
                          "corda", "loftq", "lora_ga", "OLoRA", "new"],
    "r": [8, 4.5, "4"], "lora_alpha": [16, 0, "8"], "use_rslora": ["false"], "bias": ["all", "lora_only"],
    "peft_type": ["IA3", "LOHA"], "task_type": ["SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM"],
    "target_modules": [["q_proj"], "all-linear", r".*\.(q|k|v|o|gate|up|down)_proj", r".*\.0\..*", "q_proj",
                       ["self_attn.q_proj", "model.layers.0.self_attn.k_proj"], "(", ""],
    "exclude_modules": [["q_proj"], ["model.layers.1.mlp.up_proj"], r".*\.v_proj", ["nothing"], "nothing", ""],
    "layers_to_transform": [0, [0, 1], [0, 1, 2], [0, 1, 2, 7], "0"], "layers_pattern": ["layers", ["layers"], "h"],
    "rank_pattern": [{"q_proj": 4}, {"q_proj": 2}], "alpha_pattern": [{"q_proj": 16}],
    "alora_invocation_tokens": [[1, 2]], "trainable_token_indices": [[1]], "modules_to_save": [["lm_head"]],
    "layer_replication": [[[0, 2], [1, 3]]], "target_parameters": [["mlp.up_proj.weight"]],
    "runtime_config": [{"ephemeral_gpu_offload": False}], "revision": ["main"], "lora_dropout": [0.1],
    "loftq_config": [{"loftq_bits": 4, "loftq_iter": 1}], "a_field_of_tomorrow": ["on", 0.5],
}
IDS = [i * 7 % 60 + 3 for i in range(24)]


def edits(field):
    return [*VALUES, *MORE.get(field, [])]


@functools.cache
def loaded(base):
    return AutoModelForCausalLM.from_pretrained(base)


def of_peft(base, adapter):
    """The log-probabilities, or None if PEFT cannot load it either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = PeftModel.from_pretrained(copy.deepcopy(loaded(base)), str(adapter))
            with torch.no_grad():
                logits = model(torch.tensor([IDS])).logits[0, :-1]
        except Exception:
            return None
    return logits.double().log_softmax(-1).gather(1, torch.tensor(IDS[1:])[:, None]).flatten()


@pytest.fixture
def adapter(source, tmp_path):
    files = source / "tests/golden/models/gqa/peft-adapter"
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes((files / "adapter_model.safetensors").read_bytes())
    config = json.loads((files / "adapter_config.json").read_text())

    def write(**changes):
        (folder / "adapter_config.json").write_text(json.dumps(config | changes))
        return folder

    return write


@pytest.mark.parametrize("field", [*FIELDS, "a_field_of_tomorrow"])
def test_each_field_is_honoured_or_refused(expandft, source, tmp_path, adapter, field):
    base = source / "tests/golden/models/gqa"
    (tmp_path / "ids.json").write_text(json.dumps(IDS))
    wrong = []
    for value in edits(field):
        folder = adapter(**{field: value})
        result = expandft("score", "--model", base, "--adapter", folder, "--ids", tmp_path / "ids.json",
                          "--device", "cpu", "--threads", "1")
        if result.rc != 0:
            if result.rc != 2 or field not in result.stderr:
                wrong.append((value, result.stderr))
            continue
        expected = of_peft(base, folder)
        if expected is None:  # its result is undefined
            continue
        found = torch.tensor([json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]])
        if (found - expected).abs().max() > 1e-4:
            wrong.append((value, "differs from PEFT"))
    assert not wrong


def test_what_peft_writes_by_default_loads(expandft, source, tmp_path, adapter):
    base = source / "tests/golden/models/gqa"
    (tmp_path / "ids.json").write_text(json.dumps(IDS))
    written = LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=["q_proj"]).to_dict()
    harmless = {k: v for k, v in written.items() if k not in ("target_modules", "peft_type", "task_type")}
    result = expandft("score", "--model", base, "--adapter", adapter(**harmless), "--ids", tmp_path / "ids.json",
                      "--device", "cpu", "--threads", "1")
    assert result.rc == 0, result.stderr


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_an_adapter_of_a_changed_base_is_refused_by_every_command(expandft, source, tmp_path, adapter, start):
    base = source / "tests/golden/models/gqa"
    folder = adapter(init_lora_weights=start)
    (tmp_path / "ids.json").write_text(json.dumps(IDS))
    for command in (["inspect", folder],
                    ["score", "--model", base, "--adapter", folder, "--ids", tmp_path / "ids.json"],
                    ["merge", "--model", base, "--adapter", folder, "--output", tmp_path / "out"]):
        result = expandft(*command)
        assert result.rc == 2 and "init_lora_weights" in result.stderr, result.stderr
        assert "merge_and_unload" in result.stderr
