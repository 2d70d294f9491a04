"""A tiny chat model: stories260K's tokenizer with ChatML's two tokens and its template."""

import json

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
          " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
START, END = 512, 513


def add_chat(model):
    """Makes a model with a vocabulary of 514 a chat model."""
    tokens = {1: "<s>", 2: "</s>", START: "<|im_start|>", END: "<|im_end|>"}
    added = {str(id): {"content": text, "special": True} for id, text in tokens.items()}
    (model / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "bos_token": "<s>", "eos_token": "<|im_end|>",
         "added_tokens_decoder": added, "chat_template": CHATML}))
    return model


def turns(*messages):
    """The text that CHATML makes of roles and contents."""
    return "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)


def chatml(*messages):
    """The same, up to the answer."""
    return turns(*messages) + "<|im_start|>assistant\n"
