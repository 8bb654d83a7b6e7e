"""Writes tests/fixtures/text/jinja_cases.json: one small template for each construct we interpret, with what jinja2
prints when set up as transformers does, or null where it refuses.

usage: make_jinja_cases.py [OUTPUT]     (needs transformers and jinja2)
"""
import datetime
import json
import pathlib
import sys

from transformers.utils import chat_template_utils

DATE = datetime.datetime(2026, 7, 24)
VARIABLES = {
    "n": 7, "negative": -7, "real": 2.5, "yes": True, "no": False, "nothing": None, "empty": "", "text": "  Héllo wörld 🙂 \n",
    "words": "one two  three\tfour", "path": "a/b/c", "numbers": [3, 1, 2], "names": ["ann", "bob", "cat"], "none_left": [],
    "user": {"name": "ann", "age": 30, "tags": ["x", "y"], "items": "shadowed"},
    "messages": [{"role": "system", "content": "be nice"}, {"role": "user", "content": "hi"},
                 {"role": "assistant", "content": "hello"}, {"role": "user", "content": "bye"}],
    "odd": {"quote": "it's \"so\"", "control": "\x00\x1f\x7f\t\n\r\b\f\\", "wide": "é日🙂\u200b\u00a0", "floats": [1.0, 1e16, 1e-5, 0.1, 1e22, 123456.789, -0.0],
            "deep": [[], {}, [[1, None]], {"a": {"b": True}}], "big": 9007199254740993},
}
CASES = {
    # Printing and white space
    "print text": "{{ text }}|{{ empty }}|{{ nothing }}|{{ yes }}|{{ no }}|{{ n }}|{{ real }}|{{ missing }}",
    "print containers": "{{ numbers }} {{ user }} {{ odd }} {{ ('a', 1) }} {{ ('a',) }} {{ () }} {{ [] }} {{ {} }}",
    "trim blocks": "a\n{% if yes %}\nb\n{% endif %}\nc\n\n{% if yes %}d{% endif %}\n",
    "lstrip blocks": "a\n   {% if yes %}\n  b\n\t {% endif %}  c\n  {{ n }}\n  x {% if yes %}y{% endif %}",
    "strip left and right": "a \n\n {%- if yes -%} \n b \n {%- endif -%} \n c {{- n -}} \n d",
    "keep with plus": "a\n   {%+ if yes +%}\nb\n {%+ endif %}\nc",
    "comment": "a {# one\ntwo #}\nb\n  {#- three -#}  \nc{# {{ n }} #}d",
    "comment at line start": "   {# x #}\n   {# y #} z\n",
    "raw": "{% raw %}{{ n }} {% if %}{% endraw %}|{%- raw -%}  a {% endraw +%}\n b",
    "raw with newline": "x\n  {% raw %}\n  {{ a }}\n  {% endraw %}\n y",
    "trailing newline": "a\n\n",
    "windows newlines": "a\r\n{% if yes %}\r\nb\r{% endif %}\r\nc\r\n",
    "braces in text": "{ { } } {a} %} }} #} {",
    "two statements on a line": "  {% if yes %}  {% if yes %} a {% endif %}  {% endif %}  \n",
    # Literals
    "strings": r"""{{ 'a\n\t\\\'"' }}{{ "b\"'\x41\u00e9\U0001F642\101\q" }}{{ 'x' "y" 'z' }}""",
    "string over lines": "{{ 'a\nb' }}",
    "numbers": "{{ 1_000 }} {{ 1.50 }} {{ 2e3 }} {{ 1.5e-7 }} {{ 12345678901234567890.0 }}",
    "constants": "{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}",
    "nested braces": "{{ {'a': {'b': [1, (2, 3)]}} }}{{ {'a': {}}}}",
    "tuple print": "{{ 1, 2 }}{{ (1) }}",
    "mapping literal": "{% set d = {'a': 1, 'b': 2, 'a': 3,} %}{{ d }}{{ d.a }}{{ d['b'] }}",
    # Arithmetic, comparison, logic
    "integers": "{{ n + 2 }} {{ n - 9 }} {{ n * 3 }} {{ n / 2 }} {{ n // 2 }} {{ negative // 2 }} {{ n % 3 }} {{ negative % 3 }} {{ n % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }}",
    "floats": "{{ real + 1 }} {{ real * 2 }} {{ real // 2 }} {{ -real % 2 }} {{ 1 / 3 }} {{ 6 / 3 }} {{ 1e308 * 10 }} {{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }}",
    "unary": "{{ -n }} {{ +n }} {{ --n }} {{ -n + 1 }} {{ - n | abs if false else -1 }} {{ -yes }}",
    "precedence": "{{ 1 + 2 * 3 - 4 // 2 }} {{ 2 * 3 ** 2 }} {{ -2 ** 2 }} {{ 1 ~ (2 + 3) }}{{ 3 + 4 ~ 5 if no else 0 }} {{ 'a' ~ 1 * 2 ~ 'b' }} {{ not yes == no }} {{ 1 + 1 == 2 and 3 > 2 or missing.x }}",
    "concatenation": "{{ 'a' + 'b' ~ 1 ~ none ~ real ~ [1, 'x'] ~ missing }}",
    "repeat": "{{ 'ab' * 3 }}|{{ 2 * 'c' }}|{{ 'x' * 0 }}|{{ 'y' * -1 }}",
    "lists add": "{{ numbers + [9] }} {{ (1, 2) + (3,) }}",
    "comparisons": "{{ 1 < 2 }} {{ 2 <= 2.0 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' != 'b' }} {{ 1 < n < 10 }} {{ 1 < n > 9 }} {{ none == none }} {{ missing == missing2 }}",
    "equal containers": "{{ [1, [2]] == [1, [2.0]] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ (1,) == [1] }} {{ [] == none }}",
    "membership": "{{ 'a' in names }} {{ 'ann' in names }} {{ 'ell' in 'hello' }} {{ 'name' in user }} {{ 'z' not in user }} {{ 1 in [true] }} {{ 'x' in missing }}",
    "logic values": "{{ '' or 'b' }}{{ 'a' and 'c' }}{{ missing or 'd' }}{{ 0 or none }}{{ not '' }}{{ not [] }}{{ not {} }}{{ not 0.0 }}",
    "inline if": "{{ 'a' if yes else 'b' }}{{ 'a' if no }}{{ 'a' if no else 'b' if no else 'c' }}{{ ('a' if no) is undefined }}",
    # Lookups
    "members": "{{ user.name }} {{ user['age'] }} {{ user.missing }} {{ user['missing'] }} {{ user.tags.0 }} {{ user.tags[-1] }} {{ user.tags[5] }} {{ user['items'] }} {{ numbers['x'] }}",
    "methods win over keys": "{{ user.items() | list | length }}",
    "text index": "{{ 'héllo'[1] }}{{ 'héllo'[-1] }}{{ 'héllo'[9] }}{{ '🙂x'[1] }}",
    "slices": "{{ numbers[1:] }} {{ numbers[:-1] }} {{ numbers[::-1] }} {{ numbers[::2] }} {{ numbers[5:] }} {{ numbers[-9:2] }} {{ numbers[2:0:-1] }} {{ numbers[-1:-9:-1] }} {{ (1, 2, 3)[:2] }}",
    "text slices": "{{ 'héllo 🙂'[1:4] }}|{{ 'héllo 🙂'[::-1] }}|{{ 'héllo'[:-2] }}|{{ 'abc'[none:2] }}|{{ 'abcdef'[4:1:-2] }}|{{ 'abc'[-7:7] }}",
    # Statements
    "if elif else": "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}{% if none_left %}d{% elif empty %}e{% else %}f{% endif %}",
    "for": "{% for x in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}:{{ x }} {% endfor %}",
    "for neighbours": "{% for x in names %}[{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}]{{ loop.previtem is defined }}{% endfor %}",
    "for else": "{% for x in none_left %}a{% else %}b{% endfor %}{% for x in names %}c{% else %}d{% endfor %}{% for x in missing %}e{% else %}f{% endfor %}",
    "for condition": "{% for x in range(10) if x is even and x > 2 %}{{ x }}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}",
    "for unpack": "{% for k, v in {'a': 1, 'b': [2]}.items() %}{{ k }}={{ v }};{% endfor %}{% for (a, b) in [[1, 2], 'xy'] %}{{ a }}{{ b }}{% endfor %}",
    "for kinds": "{% for c in 'hé🙂' %}{{ c }}.{% endfor %}{% for k in user %}{{ k }},{% endfor %}{% for x in (1, 2) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "for nested": "{% for a in [1, 2] %}{% for b in [1, 2] %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }}{% endfor %}",
    "break and continue": "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x > 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "break inner": "{% for a in 'ab' %}{% for b in range(5) %}{% if b == 1 %}{% break %}{% endif %}{{ a }}{{ b }}{% endfor %}|{% endfor %}",
    "range": "{{ range(3) | list }}{{ range(1, 4) | list }}{{ range(5, 0, -2) | list }}{{ range(3, 1) | list }}",
    "set": "{% set a = 1 %}{% set a, b = a + 1, 'x' %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}",
    "set scope of for": "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "set scope of if": "{% if yes %}{% set x = 5 %}{% endif %}{{ x }}",
    "set shadows argument": "{% for t in [{'f': {'g': 1}}] %}{% if t.f %}{% set t = t.f %}{% endif %}{{ t.g }}{% endfor %}",
    "loop variable gone": "{% for i in [1] %}{% endfor %}{{ i is defined }}{{ loop is defined }}",
    "set block": "{% set x %} a {{ n }}\n{% endset %}[{{ x }}]{{ x | length }}",
    "set block scope": "{% set y = 1 %}{% set x %}{% set y = 2 %}{{ y }}{% endset %}{{ x }}{{ y }}",
    "namespace": "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.n }}{{ ns.missing is defined }}",
    "namespace from mapping": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}",
    "namespace list": "{% set ns = namespace(l=[]) %}{% for i in [1, 2] %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l }}",
    "dict function": "{{ dict(a=1, b='x') }}",
    "generation": "a{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}\n{{ m.content }}\n  {% endgeneration %}\nx{% endif %}{% endfor %}b",
    "strftime_now": "{{ strftime_now('%d %b %Y %Y-%m-%d') }}{{ strftime_now is defined }}{{ raise_exception is defined }}",
    # Tests
    "tests": "{{ missing is defined }}{{ n is defined }}{{ missing is undefined }}{{ nothing is none }}{{ n is not none }}{{ text is string }}{{ n is string }}{{ user is mapping }}{{ names is mapping }}",
    "tests of kinds": "{% for v in [1, 1.5, true, none, 'a', [1], {'a': 1}, (1,)] %}{{ v is number }}{{ v is integer }}{{ v is float }}{{ v is boolean }}{{ v is iterable }}{{ v is sequence }}{{ v is true }}{{ v is false }}{{ v is none }};{% endfor %}{{ missing is iterable }}{{ missing is sequence }}{{ missing is none }}",
    "tests with arguments": "{{ 4 is divisibleby 2 }}{{ 4 is divisibleby(3) }}{{ n is odd }}{{ n is even }}{{ negative is odd }}{{ n is eq 7 }}{{ n is equalto(7) }}{{ n is ne 8 }}{{ n is gt 3 }}{{ n is lt 3 }}{{ n is ge 7 }}{{ n is le 6 }}{{ n is in [7] }}{{ nothing is sameas none }}{{ 1 is sameas true }}{{ no is sameas false }}",
    "not is": "{{ not n is defined }}{{ n is not defined and yes }}{{ user.x is not defined }}{{ not (n is string) or no }}",
    "filter before test": "{{ names | length is odd }}{{ '' | length == 0 }}{{ names|length - 1 }}",
    # Filters
    "length": "{{ names | length }}{{ 'héllo🙂' | length }}{{ user | length }}{{ names | count }}{{ missing | length }}",
    "trim": "[{{ text | trim }}][{{ '\u00a0\u2003a\u3000\x1f' | trim }}][{{ 'xxaxx' | trim('x') }}][{{ n | trim }}][{{ missing | trim }}]",
    "filter binds tight": "{{ 'a ' + ' b ' | trim + ' c' }}",
    "default": "{{ missing | default('x') }}{{ nothing | default('x') }}{{ nothing | default('x', true) }}{{ '' | d('y', boolean=true) }}{{ missing | default }}{{ n | default(1) }}",
    "join": "{{ names | join(', ') }}{{ numbers | join }}{{ [1, none, true, 'a'] | join('-') }}{{ messages | join('/', attribute='role') }}{{ 'abc' | join('.') }}",
    "case": "{{ 'hÉllo' | upper }}{{ 'HÉLLO' | lower }}{{ 'hELLO wORLD' | capitalize }}{{ 'éa' | capitalize }}{{ '' | capitalize }}{{ n | upper }}",
    "list first last": "{{ 'abc' | list }}{{ user | list }}{{ names | first }}{{ names | last }}{{ 'xyz' | first }}{{ none_left | first }}{{ none_left | last }}{{ numbers | reverse | list }}{{ 'abé' | reverse }}",
    "items": "{% for k, v in user | items %}{{ k }}:{{ v }} {% endfor %}{% for k, v in missing | items %}x{% endfor %}",
    "replace": "{{ 'aXbXc' | replace('X', '--') }}{{ 'aXbXc' | replace('X', '', 1) }}{{ 'abc' | replace('z', 'y') }}",
    "string and int": "{{ n | string + 'x' }}{{ '42' | int + 1 }}{{ ' 7 ' | int }}{{ 'x' | int }}{{ 'x' | int(-1) }}{{ 3.9 | int }}{{ '3.9' | int }}{{ true | int }}",
    "safe": "{{ '<b>' | safe }}{{ 'a' ~ ('<' | safe) ~ '&' }}{{ ({'a': '<'} | tojson | safe) }}",
    "select": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'equalto', 'user') | list | length }}{{ [1, 0, '', 'a'] | select | list }}{{ [1, 2, 3] | reject('odd') | list }}{{ messages | selectattr('missing') | list }}{{ messages | selectattr('role', 'in', ['user']) | map(attribute='content') | list }}",
    "map": "{{ messages | map(attribute='role') | join(',') }}{{ names | map('upper') | list }}{{ [' a '] | map('trim') | list }}",
    "tojson": "{{ odd | tojson }}{{ user | tojson }}{{ text | tojson }}{{ none | tojson }}{{ true | tojson }}{{ 'é' | tojson }}{{ (1, 2) | tojson }}{{ '<&>' | tojson }}",
    "tojson indent": "{{ odd | tojson(indent=4) }}{{ [] | tojson(indent=2) }}{{ [1, {}] | tojson(indent=0) }}",
    "tojson options": "{{ {'b': 1, 'a': [1, 2]} | tojson(sort_keys=true, separators=(',', ':')) }}{{ 'é🙂\\u007f' | tojson(ensure_ascii=true) }}{{ [1] | tojson(false, 1) }}",
    # Methods
    "strip": "[{{ text.strip() }}][{{ text.lstrip() }}][{{ text.rstrip() }}][{{ 'xyaxy'.strip('yx') }}][{{ '\\n\\na\\n'.lstrip('\\n') }}][{{ 'éaé'.strip('é') }}][{{ 'a '.rstrip('') }}]",
    "split": "{{ words.split() }}{{ words.split(' ') }}{{ path.split('/') }}{{ path.split('/')[-1] }}{{ path.split('/', 1) }}{{ path.rsplit('/', 1) }}{{ ''.split() }}{{ ''.split('x') }}{{ words.split(none, 1) }}{{ ' a '.split(maxsplit=0) }}",
    "split think": "{% set c = '<think>\\nhm\\n</think>\\n\\nyes' %}{{ c.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|{{ c.split('</think>')[-1].lstrip('\\n') }}",
    "splitlines": "{{ 'a\\nb\\r\\nc\\rd\\n\\ne'.splitlines() }}{{ 'a\\n'.splitlines(true) }}{{ ''.splitlines() }}{{ 'a\\u2028b\\x0bc'.splitlines() }}",
    "affixes": "{{ path.startswith('a/') }}{{ path.endswith('c') }}{{ path.startswith('') }}{{ path.endswith(('x', 'c')) }}",
    "text methods": "{{ 'aXbX'.replace('X', 'é') }}{{ 'aXbX'.replace('X', '', 1) }}{{ 'aB'.upper() }}{{ 'aB'.lower() }}{{ 'aB'.capitalize() }}{{ ', '.join(names) }}{{ 'éab'.find('b') }}{{ 'ab'.find('z') }}{{ 'aaa'.count('a') }}{{ 'aaa'.count('aa') }}",
    "mapping methods": "{{ user.get('name') }}{{ user.get('zzz') }}{{ user.get('zzz', 1) }}{{ user.keys() | list }}{{ user.values() | list }}{{ user.items() | list }}",
    # What jinja2 refuses
    "refused: raise_exception": "a{{ raise_exception('bad role') }}",
    "refused: member of undefined": "{{ missing.x }}",
    "refused: item of undefined": "{{ user.missing['x'] }}",
    "refused: call of undefined": "{{ missing() }}",
    "refused: add string and integer": "{{ 'a' + 1 }}",
    "refused: add undefined": "{{ 'a' + missing }}",
    "refused: order of kinds": "{{ 'a' < 1 }}",
    "refused: loop over integer": "{% for x in 3 %}{% endfor %}",
    "refused: unknown filter": "{{ n | frobnicate }}",
    "refused: unknown test": "{{ n is frobnicated }}",
    "refused: unknown tag": "{% frobnicate %}",
    "refused: open tag": "{{ n ",
    "refused: open comment": "a {# b",
    "refused: open if": "{% if yes %}a",
    "refused: open string": "{{ 'abc }}",
    "refused: stray end": "{% endif %}",
    "refused: stray bracket": "{{ n) }}",
    "refused: empty print": "{{ }}",
    "refused: attribute of a variable": "{% set user.name = 1 %}",
    "refused: underscore in namespace": "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "refused: tojson of undefined": "{{ missing | tojson }}",
    "refused: division by zero": "{{ 1 // 0 }}",
    "refused: unpack": "{% for a, b in [[1, 2, 3]] %}{% endfor %}",
    "refused: long range": "{% for i in range(100001) %}{% endfor %}",
    "refused: empty separator": "{{ 'abc'.split('') }}",
    "refused: membership of integer in text": "{{ 1 in 'abc' }}",
    "refused: changing a list": "{{ names.append('x') }}",
    "refused: break outside": "{% break %}",
    "refused: chained test": "{{ n is defined is true }}",
}


def render(template: str):
    """The printed text and the generation blocks' ranges in bytes, or None."""
    try:
        compiled = chat_template_utils._compile_jinja_template(template)
        compiled.globals["strftime_now"] = DATE.strftime
        variables = dict(VARIABLES)
        text, spans = chat_template_utils._render_with_assistant_indices(
            compiled, variables.pop("messages"), None, None, False, **variables)
    except Exception:  # jinja2's own, and Python's from inside an expression
        return None
    return {"text": text, "generations": [[len(text[:a].encode()), len(text[:b].encode())] for a, b in spans]}


def main() -> None:
    here = pathlib.Path(__file__).resolve().parent
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "fixtures" / "text" / "jinja_cases.json"
    cases = []
    for name, template in CASES.items():
        result = render(template)
        if (result is None) != name.startswith("refused"):
            raise SystemExit(f"jinja2 says otherwise about {name!r}: {result}")
        cases.append({"name": name, "template": template, "expected": result})
    output.write_text(json.dumps({"variables": VARIABLES, "cases": cases}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
