"""scripts/tensorboard: event files of a run's metrics."""

import struct
import subprocess
import sys

import pytest
from tensorboardX.proto.event_pb2 import Event

from training import events, train, write_config


def convert(source, *arguments):
    return subprocess.run([source / "scripts/tensorboard", *map(str, arguments)], text=True, capture_output=True,
                          env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"})


def read_scalars(folder):
    """{(tag, step): value} of the records of an event file: length, checksum, data, checksum."""
    (file,) = folder.iterdir()
    data, place, found = file.read_bytes(), 0, {}
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = Event.FromString(data[place + 12:place + 12 + length])
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        place += length + 16
    return found


def test_every_number_of_a_run_is_there(expandft, source, stories, tmp_path):
    train(expandft, write_config(tmp_path, stories, evaluation__every=4, training__max_steps=8))
    run = tmp_path / "out"
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"torn')
    result = convert(source, run, "--output", tmp_path / "board")
    assert result.returncode == 0, result.stderr
    assert "damaged, left out" in result.stderr
    found = read_scalars(tmp_path / "board" / "out")
    (run / "metrics.jsonl").write_text((run / "metrics.jsonl").read_text().removesuffix('{"torn'))
    for line in events(run, "train"):
        for key in ("loss", "learning_rate", "grad_norm", "tokens_per_second"):
            assert found["train/" + key, line["step"]] == pytest.approx(line[key], rel=1e-6)
    assert {step for tag, step in found if tag == "original/stories"} == {0, 4, 8}
    assert ("validation/loss", 8) in found


def test_what_is_no_run_is_named(source, tmp_path):
    result = convert(source, tmp_path, "--output", tmp_path / "board")
    assert result.returncode != 0 and "metrics.jsonl: no such file" in result.stderr
