"""The batches of peer_train.py: windows of a text, or rows of prompt and answer padded to the longest of a batch."""

from typing import NamedTuple

IGNORED = -100  # the label of tokens that are not learned


class Batch(NamedTuple):
    inputs: dict  # of the model: input_ids, labels, and attention_mask if rows are padded
    tokens: int   # without padding


def windows(ids, length, size, generator):
    """Batches of `size` windows of `length` ids each, in a seeded random order, endlessly."""
    import torch

    rows = ids[:len(ids) // length * length].view(-1, length)
    if len(rows) < size:
        raise SystemExit(f"{len(rows)} windows of {length} tokens found, expected {size} for a step")
    while True:
        for part in torch.randperm(len(rows), generator=generator).split(size):
            if len(part) == size:
                yield Batch({"input_ids": rows[part], "labels": rows[part]}, size * length)


def padded(rows, prompts):
    """A Batch of rows of ids, of which the first `prompts` of each are not learned. Padding is on the right."""
    import torch

    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
    for i, (row, prompt) in enumerate(zip(rows, prompts)):
        ids[i, :len(row)] = row
        labels[i, prompt:len(row)] = row[prompt:]
        mask[i, :len(row)] = 1
    return Batch({"input_ids": ids, "labels": labels, "attention_mask": mask}, int(mask.sum()))


def padded_rows(file, size, generator):
    """Batches of `size` rows of instruct.py's .npz file, in a seeded random order, like transformers' Trainer."""
    import numpy
    import torch

    with numpy.load(file) as found:
        ids, ends, prompts = (torch.from_numpy(found[name].astype("int64")) for name in ("ids", "ends", "prompts"))
    begins = torch.cat([ends.new_zeros(1), ends[:-1]])
    if len(ends) < size:
        raise SystemExit(f"{file}: {len(ends)} rows found, expected {size} for a step")
    while True:
        for part in torch.randperm(len(ends), generator=generator).split(size):
            if len(part) == size:
                yield padded([ids[begins[i]:ends[i]] for i in part], prompts[part].tolist())
