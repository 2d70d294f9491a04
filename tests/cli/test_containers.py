"""Two processes that do not see each other prepare the same output: neither touches the other's files."""

import os
import shutil
import signal
import subprocess
import time

import pytest

import faults
from faults import arguments_of, run, state

CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


@pytest.fixture
def container():
    """The prefix that starts a command with its own process numbers."""
    if not shutil.which("unshare") or subprocess.run([*CONTAINER, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces of processes are not allowed here")
    # Not as process 1, which ignores stop signals.
    return [*CONTAINER, "sh", "-c", '"$@"; exit $?', "sh"]


def test_what_a_process_of_another_container_prepares_stays(binary, container, stories, tmp_path):
    folder, log = tmp_path / "work", tmp_path / "log"
    folder.mkdir()
    shutil.copytree(stories, folder / "model")
    shim = faults.build_shim(tmp_path)
    other = subprocess.Popen(  # with --force, because at the end it finds the other's model
        [*container, binary, *arguments_of("expand"), "--force"], cwd=folder, start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "LD_PRELOAD": str(shim), "FAULT_ROOT": str(folder),
                          "FAULT_LOG": str(log), "FAULT": "stop",
                          "FAULT_AT": "write .grown.partial/model.safetensors #24"})
    try:
        for _ in range(600):
            if log.exists() and "FAULT" in log.read_text():
                break
            assert other.poll() is None, other.stderr.read()
            time.sleep(0.1)
        [prepared] = [path for path in folder.glob(".grown.partial-*") if path.is_dir()]
        before = state(prepared)
        code, stderr, _ = run(binary, folder, arguments_of("expand"))
        assert code == 0, stderr
        assert state(prepared) == before
        whole = state(folder / "grown")
        os.killpg(other.pid, signal.SIGCONT)
        _, stderr = other.communicate(timeout=120)
        assert other.returncode == 0, stderr
    finally:
        if other.poll() is None:
            os.killpg(other.pid, signal.SIGKILL)
    assert state(folder / "grown") == whole
    assert not list(folder.glob(".grown*"))


def test_what_has_no_lock_stays_and_is_named(binary, stories, tmp_path):
    shutil.copytree(stories, tmp_path / "model")
    (tmp_path / ".grown.partial-7-123").mkdir()
    code, stderr, _ = run(binary, tmp_path, [word for word in arguments_of("expand") if word != "--quiet"])
    assert code == 0, stderr
    assert ".grown.partial-7-123: another process is writing this or left it behind" in stderr and "Delete it if" in stderr
    assert (tmp_path / ".grown.partial-7-123").is_dir()
