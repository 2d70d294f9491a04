"""lm-evaluation-harness's results for a model on local data: the reference of test_lm_eval_parity.py.

    python lm_eval_oracle.py --model DIR --data tests/golden/tasks --tasks piqa,gsm8k --output oracle.json

The harness's own tasks run unchanged: its yaml, its functions, its few-shot examples, its metrics. Only the data
set of a task is replaced by JSON lines from --data: <task>.jsonl, and <task>.train.jsonl for the training split if
it exists. Nothing is downloaded. Tasks have expandft's names.

The output: {"tasks": {task: {"examples": […], "metrics": {…}, "standard_errors": {…}, "seconds": S}}}. An example
has "requests" (the model's inputs), "log_probs" and "greedy" or "text", and "metrics"; examples are in the
data's order. Metrics are named as in the harness's results, "acc,none": the metric, a comma, the filter.

This is a separate process, because the harness is slow to import and environment variables keep it offline.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

# Tasks with another name in the harness, and folders that are not named after the task.
HARNESS_NAMES = {"wmt14_en_fr": "wmt14-en-fr"}
FOLDERS = {"arc_easy": "arc", "arc_challenge": "arc", "boolq": "super_glue/boolq", "lambada_openai": "lambada",
           "rte": "glue/rte", "wmt14_en_fr": "translation"}
FEWSHOT_SEED = 1234  # the harness's default


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a Hugging Face model directory")
    parser.add_argument("--data", type=Path, required=True, help="folder of <task>.jsonl")
    parser.add_argument("--tasks", required=True, help="comma-separated; task:N for N few-shot examples")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--batch-size", default="1", help="a number, or auto")
    parser.add_argument("--dtype", default="float32", help="float32 or bfloat16")
    parser.add_argument("--limit", type=int, help="only the first so many examples of each task")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def stay_local(cache):
    """Keeps this process offline; call before the first import of datasets and transformers."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HOME=str(cache),
                      HF_DATASETS_CACHE=str(cache / "datasets"), HF_MODULES_CACHE=str(cache / "modules"),
                      CUDA_VISIBLE_DEVICES="", TOKENIZERS_PARALLELISM="false", DISABLE_MULTIPROC="1",
                      HF_DATASETS_DISABLE_PROGRESS_BARS="1")


def serve_data(data, task):
    """Replaces every data set by the task's JSON lines; the training split has its own file."""
    import datasets

    if not hasattr(serve_data, "load"):
        serve_data.load = datasets.load_dataset
    evaluated, training = data / f"{task}.jsonl", data / f"{task}.train.jsonl"
    if not evaluated.is_file():
        raise SystemExit(f"{evaluated} is not there")
    files = {"train": str(training if training.is_file() else evaluated), "validation": str(evaluated),
             "test": str(evaluated)}
    datasets.load_dataset = lambda path, name=None, **_: serve_data.load("json", data_files=files)


def load_task(data, name, shots):
    """The harness's task on local data, configured as by its simple_evaluate."""
    from lm_eval import tasks

    serve_data(data, name)
    folder = Path(tasks.__file__).parent / FOLDERS.get(name, name)
    called = HARNESS_NAMES.get(name, name)
    # Only this folder: indexing all of the harness's tasks takes seconds.
    task = tasks.TaskManager(include_path=str(folder), include_defaults=False).load([called])["tasks"][called]
    if shots is not None:
        task.set_config(key="num_fewshot", value=shots)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    return task


def example_of(samples):
    """One example, from the samples that the harness logged for it, one per filter."""
    first, example = samples[0], {}
    answers = [responses[0] for responses in first["resps"]]
    example["requests"] = [[part for part in arguments if isinstance(part, str)] for arguments in first["arguments"]]
    if isinstance(answers[0], str):
        example["text"] = answers[0]
    elif isinstance(answers[0], (tuple, list)):
        example["log_probs"] = [log_prob for log_prob, _ in answers]
        example["greedy"] = [greedy for _, greedy in answers]
    else:
        example["log_probs"] = answers
    example["metrics"] = {f"{metric},{sample['filter']}": sample[metric] for sample in samples
                          for metric in sample["metrics"]}
    return example


def examples_of(samples):
    by_document = {}
    for sample in samples:
        by_document.setdefault(sample["doc_id"], []).append(sample)
    return [example_of(by_document[document]) for document in sorted(by_document)]


def values_of(results):
    """(metrics, standard errors) of a task, by metric and filter."""
    metrics, errors = {}, {}
    for key, value in results.items():
        metric, comma, filter_name = key.partition(",")
        if not comma:
            continue  # alias, counts
        if not metric.endswith("_stderr"):
            metrics[key] = value
        elif value != "N/A":
            errors[metric.removesuffix("_stderr") + "," + filter_name] = value
    return metrics, errors


def evaluate(options):
    import random

    import lm_eval
    import numpy
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(options.threads)
    random.seed(0)
    numpy.random.seed(FEWSHOT_SEED)
    torch.manual_seed(FEWSHOT_SEED)
    model = HFLM(pretrained=str(options.model.resolve()), device="cpu", dtype=options.dtype,
                 batch_size=options.batch_size)
    tasks = {}
    for asked in options.tasks.split(","):
        name, _, shots = asked.partition(":")
        task = load_task(options.data.resolve(), name, int(shots) if shots else None)
        start = time.monotonic()
        # Bootstrapped errors are not compared. Two draws keep the closed forms, which the harness omits with none.
        found = lm_eval.evaluate(lm=model, task_dict={"tasks": {name: task}}, limit=options.limit, bootstrap_iters=2)
        metrics, errors = values_of(found["results"][name])
        tasks[asked] = {"examples": examples_of(found["samples"][name]), "metrics": metrics,
                        "standard_errors": errors, "seconds": time.monotonic() - start}
    return {"lm_eval": lm_eval.__version__, "tasks": tasks}


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as cache:
        stay_local(Path(cache))
        options.output.write_text(json.dumps(evaluate(options), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
