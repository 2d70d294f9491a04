"""A model's chat templates are those of the models that are made of it, as directories and as GGUF files."""

import json
import shutil

import gguf
import pytest

DEFAULT, TOOLS, OTHER = "{{ messages[0].content }}\n", "{{ tools }}{{ messages[0].content }}", "{{ 'é' }}"
KEY = "tokenizer.chat_template"


@pytest.fixture
def model(stories, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(stories, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer"}))
    (folder / "chat_template.jinja").write_text(DEFAULT)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates/tool_use.jinja").write_text(TOOLS)
    (folder / "additional_chat_templates/rag-é.jinja").write_text(OTHER)
    return folder


def expand(expandft, model, output, rc=0):
    result = expandft("expand", "--model", model, "--output", output, "--layers", "all", "--device", "cpu")
    assert result.rc == rc, result.stderr
    return result


def templates_of(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.jinja")}


def test_a_directory_keeps_them(expandft, model, tmp_path):
    expand(expandft, model, tmp_path / "grown")
    assert templates_of(tmp_path / "grown") == templates_of(model)
    assert expandft("unmerge", "--model", tmp_path / "grown", "--output", tmp_path / "base").rc == 0
    assert templates_of(tmp_path / "base") == templates_of(model)


def test_a_gguf_file_has_the_keys_of_llama_cpps_converter(expandft, model, tmp_path):
    file, reference = tmp_path / "grown.gguf", tmp_path / "reference.gguf"
    expand(expandft, model, file)
    writer = gguf.GGUFWriter(reference, "llama", use_temp_file=False)
    writer.add_chat_template(gguf.SpecialVocab(model).chat_template)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()

    def keys(path):
        fields = gguf.GGUFReader(path).fields
        return {name: field.contents() for name, field in fields.items() if name.startswith(KEY)}

    found, expected = keys(file), keys(reference)
    assert list(found) == [f"{KEY}.rag__", f"{KEY}.tool_use", f"{KEY}s", KEY]
    assert list(expected)[2:] == [f"{KEY}s", KEY]  # those before are in the order of the folder
    assert found.pop(f"{KEY}s") == ["rag__", "tool_use"]
    assert sorted(expected.pop(f"{KEY}s")) == ["rag__", "tool_use"]
    assert found == expected

    result = expandft("import", file, "--output", tmp_path / "imported")
    assert result.rc == 0, result.stderr
    assert templates_of(tmp_path / "imported") == {
        "chat_template.jinja": DEFAULT, "additional_chat_templates/tool_use.jinja": TOOLS,
        "additional_chat_templates/rag__.jinja": OTHER}
    assert json.loads(expandft("inspect", file, "--json").stdout)["tokenizer"]["chat_template"] is True


def test_names_that_a_file_cannot_tell_apart_are_refused(expandft, model, tmp_path):
    (model / "additional_chat_templates/rag_é.jinja").write_text(OTHER)
    result = expand(expandft, model, tmp_path / "grown.gguf", rc=2)
    assert "rag__" in result.stderr and "another one has" in result.stderr and "rename" in result.stderr
    (model / "additional_chat_templates/rag_é.jinja").rename(model / "additional_chat_templates/default.jinja")
    result = expand(expandft, model, tmp_path / "grown.gguf", rc=2)
    assert '"default"' in result.stderr and "no template can have" in result.stderr


def test_a_template_that_links_out_of_the_model_is_refused(expandft, model, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (model / "additional_chat_templates/secret.jinja").symlink_to(secret)
    result = expand(expandft, model, tmp_path / "grown", rc=2)
    assert "secret.jinja" in result.stderr and "link that leads out" in result.stderr
    assert not (tmp_path / "grown").exists()
