"""expandft eval reports which strength it measures."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from training import METHODS, train, write_config


@pytest.fixture(scope="module", params=["new", "llama-pro", "lora", "full"])
def half(request, expandft, stories, tmp_path_factory):
    """A run with each kind of output, at half strength: its folder and config."""
    folder = tmp_path_factory.mktemp("half")
    config = write_config(folder, stories, training__max_steps=1, strength=0.5, **METHODS[request.param])
    train(expandft, config)
    return folder, config


def run_eval(expandft, folder, *arguments, rc=0):
    result = expandft("eval", *arguments, "--json", folder / "results.json", "--device", "cpu", "--no-cache")
    assert result.rc == rc, result.stderr
    return result, json.loads((folder / "results.json").read_text()) if rc == 0 else None


def test_of_a_run(expandft, half):
    folder, config = half
    junit, page = folder / "junit.xml", folder / "page.html"
    result, found = run_eval(expandft, folder, "--config", config, "--junit", junit, "--html", page)
    assert found["strength"] == 0.5
    assert f"measured: {folder / 'out/merged'} at strength 0.5" in result.stdout
    properties = {p.get("name"): p.get("value") for p in ElementTree.parse(junit).getroot().iter("property")}
    assert properties["strength"] == "0.5"
    assert "<dt>Strength</dt>" in page.read_text() and "<dd>0.5</dd>" in page.read_text()
    assert "config says" not in result.stderr


def test_a_config_that_says_another_now(expandft, half):
    folder, config = half
    changed = folder / "changed.json"
    changed.write_text(json.dumps(json.loads(config.read_text()) | {"strength": 0.75}))
    result, found = run_eval(expandft, folder, "--config", changed)
    assert found["strength"] == 0.5
    assert "made at strength 0.5, and the config says 0.75 now" in result.stderr
    assert "--strength 0.75" in result.stderr
    result, _ = run_eval(expandft, folder, "--config", changed, "--strict", rc=2)
    assert "made at strength 0.5" in result.stderr


def test_one_model_alone_and_one_of_others(expandft, half, stories):
    folder, _ = half
    result, found = run_eval(expandft, folder, "--model", folder / "out/merged", "--tasks", folder / "stories.json")
    assert found["strength"] == 0.5 and "at strength 0.5" in result.stdout
    result, found = run_eval(expandft, folder, "--model", stories, "--tasks", folder / "stories.json")
    assert found["strength"] is None and f"measured: {stories}\n" in result.stdout


def test_of_an_adapter(expandft, half, stories):
    folder, _ = half
    if not (folder / "out/adapter").exists():
        pytest.skip("this method has none")
    result, found = run_eval(expandft, folder, "--base", stories, "--adapter", folder / "out/adapter", "--strength",
                             "0.2:0.4", "--tasks", folder / "stories.json")
    assert found["strength"] == "0.2:0.4" and "at strength 0.2:0.4" in result.stdout


def test_a_tuned_model_has_no_base_to_take_out(expandft, half, tmp_path):
    folder, _ = half
    info = json.loads((folder / "out/merged/expandft.json").read_text())
    if info["format"] != "expandft-tuned":
        pytest.skip("MLPs were widened")
    result = expandft("unmerge", "--model", folder / "out/merged", "--output", tmp_path / "base")
    assert result.rc == 2 and "does not contain the base" in result.stderr and info["base_model_name_or_path"] in result.stderr
    facts = json.loads(expandft("inspect", folder / "out/merged", "--json").stdout)
    assert facts["tuning"]["strength"] == 0.5
