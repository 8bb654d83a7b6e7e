"""Compares our chat templates with jinja2 set up as transformers does, byte for byte.

usage: check_chat_templates.py BINARY TEMPLATE...

BINARY is build/release/bin/render_chat_template; a TEMPLATE is a .jinja file, or a GGUF file or model folder that
holds one. Needs transformers, jinja2 and, for GGUF, gguf. Prints a line for each template and fails on a difference.
A conversation that jinja2 refuses must be refused by us too.
"""
import datetime
import itertools
import json
import pathlib
import random
import subprocess
import sys

from transformers.utils import chat_template_utils

DATE = datetime.datetime(2026, 7, 24)
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Says the weather in a \"place\" <b>&</b> 'más'.",
     "parameters": {"type": "object", "properties": {"place": {"type": "string", "description": "Where? 東京"},
                                                     "days": {"type": "integer", "minimum": -1, "maximum": 1e16},
                                                     "exact": {"type": "number", "default": 0.5, "enum": [1e-7, 2.0, None, True]}},
                    "required": []}}},
    {"type": "function", "function": {"name": "now", "parameters": {}}},
]
CONTENTS = ["Hello", "", " ", "\n\nspaces around \t\n", "\u00a0no-break\u2003em\u3000", "quotes \" ' ` \\ \\n", "naïve café Ünïcödé ß ǅ",
            "日本語と中文 🙂👩‍👩‍👧 e\u0301", "line\r\nends\rhere", "{{ not }} {% a %} {# tag #}", "<|im_end|></s><tool_response>x</tool_response>",
            "<think>\nfirst\n</think>\n\nanswer", "<think>a</think>b</think>\n\nc", "</think>", "x" * 3000, "a\x00b\x7f\x1f\u200b", "1 + 1 = 2"]


def conversations(seed: int, count: int):
    """Turns that alternate, with and without a system turn, and some that break every family's rules."""
    random_ = random.Random(seed)
    content = lambda: random_.choice(CONTENTS)
    for i in range(count):
        messages = [{"role": "system", "content": content()}] if i % 2 else []
        for turn in range(random_.choice([1, 1, 2, 3, 4, 5, 9])):
            messages.append({"role": "assistant" if turn % 2 else "user", "content": content()})
        if i % 10 == 7:
            messages.append({"role": "assistant", "content": content(), "reasoning_content": content()})
        if i % 10 == 8:
            calls = [{"type": "function", "function": {"name": "weather", "arguments": {"place": content(), "n": 1.5}}}]
            messages += [{"role": "assistant", "content": content(), "tool_calls": calls}, {"role": "tool", "content": content()},
                         {"role": "assistant", "content": content()}]
        if i % 10 == 9:
            messages.append({"role": random_.choice(["user", "critic", "system"]), "content": content()})
        yield messages


def read_template(path: pathlib.Path) -> str:
    if path.is_dir():
        if (path / "chat_template.jinja").exists():
            return (path / "chat_template.jinja").read_text()
        return json.loads((path / "tokenizer_config.json").read_text())["chat_template"]
    if path.suffix == ".gguf":
        from gguf import GGUFReader
        return GGUFReader(path).get_field("tokenizer.chat_template").contents()
    return path.read_bytes().decode()


def expected(template: str, request: dict) -> dict | None:
    """The text, and in bytes where {% generation %} blocks stand in it; None when jinja2 refuses."""
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        compiled.globals["strftime_now"] = DATE.strftime
        text, spans = chat_template_utils._render_with_assistant_indices(
            compiled, request["messages"], request["tools"], None, request["add_generation_prompt"], **request["variables"])
    except Exception:  # jinja2's own, and Python's from inside an expression
        return None
    return {"text": text, "generations": [[len(text[:a].encode()), len(text[:b].encode())] for a, b in spans]}


def main() -> int:
    binary, paths, wrong = sys.argv[1], sys.argv[2:], 0
    for path in map(pathlib.Path, paths):
        template = read_template(path)
        requests = []
        for messages, tools, prompt in itertools.product(conversations(1, 50), [None, TOOLS], [False, True]):
            variables = {"bos_token": "<s>", "eos_token": "</s>"}
            if len(requests) % 3 == 0:
                variables["enable_thinking"] = len(requests) % 2 == 0
            requests.append({"template": template, "variables": variables, "messages": messages, "tools": tools,
                             "add_generation_prompt": prompt})
        lines = "".join(json.dumps(request) + "\n" for request in requests)
        answers = subprocess.run([binary], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
        refused = different = 0
        for request, line in zip(requests, answers, strict=True):
            answer, want = json.loads(line), expected(template, request)
            refused += want is None
            if (None if "error" in answer else answer) != want:
                different += 1
                if different <= 2:
                    print(json.dumps(request["messages"])[:400], "\n  want", repr(want)[:600], "\n  got ", repr(answer)[:600])
        wrong += different
        print(f"{path.name}: {len(requests)} renderings, {refused} refused, {different} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
