"""Rendering by transformers, and by the interpreter through its driver."""

import contextlib
import datetime as datetimes
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import jinja2
import transformers.utils.chat_template_utils as reference

ROOT = Path(os.environ["EXPANDFT_SOURCE"])
DRIVER = Path(os.environ.get("EXPANDFT_JINJA_RENDER", ROOT / "build/dev/bin/jinja_render"))
NOW = 1_789_000_000  # 2026-09-10, UTC


class FixedTime(datetimes.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetimes.datetime.fromtimestamp(NOW, datetimes.timezone.utc).replace(tzinfo=None)


def plain_error(self, source=None):
    raise sys.exc_info()[1]


@contextlib.contextmanager
def fixed_time():
    """And errors as they are: most of the time would go to tracebacks that name the template's lines."""
    time, handle = reference.datetime, jinja2.Environment.handle_exception
    reference.datetime, jinja2.Environment.handle_exception = FixedTime, plain_error
    try:
        yield
    finally:
        reference.datetime, jinja2.Environment.handle_exception = time, handle


def by_transformers(template: str, context: dict) -> dict:
    """{"text", "generated"} with spans in bytes, or {"error"}."""
    with fixed_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compiled = reference._compile_jinja_template(template)
            values = reference._plain_template_data(context)
            blocks, spans = [], []
            with compiled.environment.activate_tracker(blocks, spans):
                for block in compiled.generate(**values):
                    blocks.append(block)
            text = "".join(blocks)
            size = lambda end: len(text[:end].encode())
            return {"text": text, "generated": [[size(begin), size(end)] for begin, end in spans]}
        except Exception as error:  # whatever it is, it is a refusal
            return {"error": f"{type(error).__name__}: {error}"}


def normalized(context: dict) -> dict:
    """As apply_chat_template hands the messages to the template."""
    messages = reference._alias_reasoning_fields(reference._normalize_chat_messages(context["messages"]))
    return {**context, "messages": messages}


def by_interpreter(pairs: list[tuple[str, dict]]) -> list[dict]:
    lines = [json.dumps({"template": template, "context": context, "now": NOW}) for template, context in pairs]
    done = subprocess.run([DRIVER], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.split("\n") if line]


# What is refused here and not there, by its name.
REFUSED = re.compile(r"is not supported|are not supported|more than 64 bits|has no text|same object is not known"
                     r"|of more than 64|limit of a rendering|may make")


def difference(template: str, theirs: dict, ours: dict) -> str | None:
    """Nothing when both are equal or refuse; what is refused here by its name is "refused"."""
    if "error" in ours:
        if "error" in theirs:
            return None
        return "refused" if REFUSED.search(ours["error"]) else f"ours fails: {ours['error']} at {ours['where']}"
    if "error" in theirs:
        return f"theirs fails: {theirs['error']}"
    if ours["text"] != theirs["text"]:
        return f"ours: {ours['text']!r}\ntheirs: {theirs['text']!r}"
    return None
