"""The computed costs in docs/distributed.md are those of their script, and are plausible."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "bench"))
import ranks_model  # noqa: E402


def test_the_page_has_the_scripts_tables():
    page = (ROOT / "docs/distributed.md").read_text()
    assert f"<!-- ranks-model:begin -->\n{ranks_model.tables()}\n<!-- ranks-model:end -->" in page


@pytest.mark.parametrize("shard_base", [False, True])
def test_a_step_takes_longer_with_more_to_send_and_no_less_than_its_arithmetic(shard_base):
    shapes = ranks_model.work.Shapes.of_config(ranks_model.GEMMA3_27B)
    job = ranks_model.Job(shapes, 20, 2048, micro_batches=2, micro_tokens=4096, shard_base=shard_base)
    steps = [ranks_model.step(job, ranks_model.H100, ranks) for ranks in (1, 2, 8, 64, 512)]
    assert steps[0].seconds == steps[0].compute
    assert all(one.compute == steps[0].compute for one in steps)
    assert [one.seconds for one in steps] == sorted(one.seconds for one in steps)
    assert (steps[-1].gathers > 0) == shard_base


def test_bytes_are_those_of_the_weights_that_train():
    shapes = ranks_model.work.Shapes(hidden=100, layers=4, queries=100, keys=100, width=300, vocabulary=1000)
    job = ranks_model.Job(shapes, 2, 64, micro_batches=1, micro_tokens=64, element=2)
    assert job.trained == 2 * 3 * 100 * 300
    machine = ranks_model.Machine(flops=1e12, node_bytes=1e6, network_bytes=1e3, ranks_a_node=2, message_seconds=0)
    two = ranks_model.step(job, machine, 2)
    assert two.gradients == pytest.approx(4 * job.trained / 2 / 1e6)
    assert two.weights == pytest.approx(2 * job.trained / 2 / 1e6)
    assert ranks_model.step(job, machine, 4).weights == pytest.approx(2 * job.trained * 0.75 / 1e3)
