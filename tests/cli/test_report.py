"""report.html, which expandft train writes at the end of a run."""

import html.parser
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from training import write_config

VOID = {"meta"}
SVG = "{http://www.w3.org/2000/svg}"


class Page(html.parser.HTMLParser):
    """Checks that elements close in order, and collects text and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.text, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def charts(text):
    """{title: root element}; ElementTree refuses XML that is not well-formed."""
    roots = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg [^>]*role=\"img\".*?</svg>", text, re.DOTALL)]
    return {root.find(f"{SVG}title").text: root for root in roots}


def train(expandft, config, *arguments):
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1", "--quiet", *arguments)
    assert result.rc == 0, result.stderr


def test_report_has_charts_tasks_and_config(expandft, tmp_path, stories):
    folder = tmp_path / "a & <b>"
    folder.mkdir()
    train(expandft, write_config(folder, stories, training__max_steps=24, training__validate_every=8,
                                 evaluation__max_drop="5%"))
    text = (folder / "out/report.html").read_text()
    page = Page(text)
    assert "script" not in page.tags and "link" not in page.tags and "img" not in page.tags
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert [value for _, value in page.attributes if value and "http" in value] == \
        ["http://www.w3.org/2000/svg"] * text.count("<svg")
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for name, value in page.attributes:
        if name == "aria-labelledby":
            assert set(value.split()) <= set(ids)
    words = "".join(page.text)
    assert str(folder / "train.txt") in words and '"learning_rate": 0.002' in words
    assert "stories" in words and "budget" in words

    drawn = charts(text)
    assert set(drawn) == {"Skill and forgetting", "Strength curve", "Loss", "Learning rate", "Gradient norm", "Speed"}
    loss = drawn["Loss"]
    description = loss.find(f"{SVG}desc").text
    assert "training: 24 points" in description and "validation: 4 points" in description
    assert sum("series" in path.get("class") for path in loss.iter(f"{SVG}path")) == 3
    for name in ("training", "training, smoothed", "validation"):
        assert f"</svg>{name}</li>" in text


def test_report_of_one_step_without_validation_and_tasks(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, data__validation=None, evaluation=None, training__max_steps=1))
    text = (tmp_path / "out/report.html").read_text()
    page = Page(text)
    assert "table" not in page.tags
    assert len(charts(text)) == 4


def test_report_shows_skill_forgetting_and_samples(expandft, tmp_path, stories):
    (tmp_path / "new.json").write_text(json.dumps(
        {"name": "plays", "type": "perplexity", "data": "valid.txt", "block_length": 64}))
    train(expandft, write_config(tmp_path, stories, evaluation__every=2, evaluation__tasks=["./new.json"],
                                 evaluation__strengths=[0.25, 0.5], evaluation__prompts=["Once <upon>"]))
    text = (tmp_path / "out/report.html").read_text()
    drawn = set(charts(text))
    assert {"Skill and forgetting", "Forgetting: original tasks alone", "Loss of new tasks", "Strength curve",
            "Skill against forgetting"} <= drawn
    assert "Once &lt;upon&gt;" in text and "Once <upon>" not in text
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert [point["strength"] for point in summary["strengths"]] == [0, 0.25, 0.5, 1]
    original, new = zip(*(point["tasks"] for point in summary["strengths"]))
    divergence = [task["kl"] for task in original]
    assert divergence[0] == 0 and divergence == sorted(divergence)
    assert divergence[-1] == pytest.approx(summary["evaluation"]["original_tasks"][0]["divergence"], rel=1e-6)
    assert not any("kl" in task for task in new)
    assert summary["samples"][0]["tuned"] in "".join(Page(text).text)


def test_report_shows_retention(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, retention__weight=1.0, retention__text="stories.txt"))
    drawn = charts((tmp_path / "out/report.html").read_text())
    assert any(title.startswith("Retention") for title in drawn)


@pytest.mark.parametrize("line", ["{\"step\": 2, \"event\": \"tr", "not json", "{\"event\": \"train\", \"step\": \"x\"}"])
def test_damaged_metrics_do_not_stop_the_report(expandft, tmp_path, stories, line):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    out = tmp_path / "out"
    before = charts((out / "report.html").read_text()).keys()
    (out / "report.html").unlink()
    (out / "summary.json").unlink()
    with (out / "metrics.jsonl").open("a") as file:
        file.write(line + "\n")
    train(expandft, config, "--resume")
    assert charts((out / "report.html").read_text()).keys() == before
    assert (out / "summary.json").exists()
