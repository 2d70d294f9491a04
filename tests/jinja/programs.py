"""Random template programs: seeded, mostly valid, over everything that the interpreter knows."""

import random

WORDS = ["", "a", "B", "hello world", "  padded ", "x,y,,z", "tab\there", "line\nbreak", "Ünï çödé", "ß", "日本語",
         "it's", '"quoted"', "<tag>&", "1", "42", "-7", "3.5", "1e3", "0x1F", "True", "<think>r</think>\n\nanswer",
         "mixed Case Words", "a-b (c) [d]", "\\d\\n", "%s and %d", "{} {0}", "ÉCOLE straße", "Σίσυφος ΟΔΥΣΣΕΥΣ"]
NAMES = ["s", "t", "n", "m", "f", "flag", "nothing", "items", "rows", "record", "deep", "words", "missing"]


def context(rng: random.Random) -> dict:
    word = lambda: rng.choice(WORDS)
    number = lambda: rng.choice([0, 1, -1, 2, 3, 7, 10, -5, 100, 2**53 + 1])
    scalar = lambda: rng.choice([word(), number(), rng.choice([0.0, 1.5, -2.25, 1e20, 1e-7, 3.0]), True, False, None])
    return {
        "s": word(), "t": word(), "n": number(), "m": rng.randint(-3, 9), "f": rng.choice([0.5, 2.0, -1.75, 1e16]),
        "flag": rng.random() < 0.5, "nothing": None,
        "items": [scalar() for _ in range(rng.randint(0, 5))],
        "rows": [{"role": rng.choice(["user", "assistant", "tool"]), "content": word(), "n": rng.randint(0, 5),
                  "sub": {"x": rng.randint(0, 2)}} for _ in range(rng.randint(0, 4))],
        "record": {rng.choice(["k", "a b", "items", "Ä", "get", "z"]): scalar() for _ in range(rng.randint(0, 4))},
        "deep": {"list": [1, [2, {"x": word()}], []], "map": {"b": {"c": scalar()}}, "role": "system"},
        "words": [word() for _ in range(rng.randint(0, 5))],
    }


class Programs:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.names = []
        self.macros = []
        self.loops = 0

    def pick(self, *options):
        return self.rng.choice(options)

    # Expressions. Each takes a depth that is left, and gives text.

    def string(self, depth: int) -> str:
        if depth <= 0:
            return self.pick("s", "t", "'a'", '"b c"', "''", repr(self.rng.choice(WORDS)).replace("\\\\d", "d"))
        string, integer, any_ = self.string, self.integer, self.any
        d = depth - 1
        return self.pick(
            lambda: f"{string(d)} + {string(d)}", lambda: f"({any_(d)} ~ {any_(d)})",
            lambda: f"{string(d)}|{self.pick('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'reverse')}",
            lambda: f"({string(d)}).{self.pick('strip', 'lstrip', 'rstrip', 'upper', 'lower', 'title', 'capitalize', 'swapcase')}()",
            lambda: f"({string(d)}).{self.pick('strip', 'lstrip', 'rstrip')}({self.pick(chr(39) + ' a<' + chr(39), 'none', string(0))})",
            lambda: f"({string(d)}).replace({string(0)}, {string(0)}{self.pick('', ', 1', ', 0')})",
            lambda: f"{string(d)}|replace({string(0)}, {any_(0)}{self.pick('', ', 1')})",
            lambda: f"{self.list(d)}|join({self.pick('', string(0), any_(0))})",
            lambda: f"({string(0)}).join({self.list(d)}|map('string'))",
            lambda: f"({string(d)})[{self.slice()}]", lambda: f"({string(d)}) * {self.pick('2', 'm', '0')}",
            lambda: f"{any_(d)}|tojson{self.tojson()}", lambda: f"{any_(d)}|string",
            lambda: f"'%s-%s' % ({any_(0)}, {any_(0)})", lambda: f"'%d %5.2f %-4s|%03d' % ({integer(0)}, f, {string(0)}, m)",
            lambda: f"'{{}}:{{}}'.format({any_(0)}, {any_(0)})", lambda: f"'{{a!r}} {{0:>6}} {{1:05d}} {{0:^7}}'.format({string(0)}, m, a={any_(0)})",
            lambda: f"{string(d)}|indent({self.pick('', '2', 'first=true', '3, true, true', 'width=' + chr(39) + '> ' + chr(39))})",
            lambda: f"({string(d)}).{self.pick('ljust', 'rjust', 'center', 'zfill')}({self.pick('8', 'm')})",
            lambda: f"{string(d)}|truncate({self.pick('5', '8, true', '9, false, ' + chr(39) + '~' + chr(39) + ', 0')})",
            lambda: f"({string(d)}).{self.pick('removeprefix', 'removesuffix')}({string(0)})",
            lambda: f"{string(d)}|center({self.pick('9', 'm')})", lambda: f"{string(d)}|e",
            lambda: f"({string(d)}|safe + {string(0)})", lambda: f"{string(d)}|format({any_(0)})",
        )()

    def slice(self) -> str:
        bound = lambda: self.pick("", "0", "1", "-1", "2", "-3", "m", "100")
        return self.pick(lambda: f"{bound()}:{bound()}", lambda: f"{bound()}:{bound()}:{self.pick('1', '2', '-1', '-2', '')}",
                         lambda: self.pick("0", "-1", "1", "m"))()

    def tojson(self) -> str:
        return self.pick("", "", "(indent=2)", "(ensure_ascii=true)", "(sort_keys=true)", "(separators=(',', ':'))",
                         "(indent=4, separators=(', ', ' : '))", "(indent='--', ensure_ascii=true)", "(indent=0)")

    def integer(self, depth: int) -> str:
        if depth <= 0:
            return self.pick("n", "m", "0", "1", "-2", "17", "3", "1_000", "0x10", "true")
        integer, d = self.integer, depth - 1
        return self.pick(
            lambda: f"({integer(d)} {self.pick('+', '-', '*', '//', '%')} {integer(d)})",
            lambda: f"{self.sized(d)}|{self.pick('length', 'count')}", lambda: f"{self.any(d)}|int({self.pick('', '-1', '5, 16')})",
            lambda: f"-{integer(d)}", lambda: f"({integer(0)} ** {self.pick('2', '0', '3', '-1')})", lambda: f"{integer(d)}|abs",
            lambda: f"({self.string(d)}).{self.pick('find', 'rfind', 'count', 'index')}({self.string(0)})",
            lambda: f"{self.list(d)}|{self.pick('first', 'last', 'min', 'max', 'sum')}", lambda: f"({integer(d)} if {self.boolean(d)} else {integer(d)})",
            lambda: f"{self.string(d)}|wordcount",
        )()

    def number(self, depth: int) -> str:
        d = depth - 1
        return self.pick(
            lambda: self.integer(d), lambda: self.pick("f", "1.5", "2e3", "0.1", "1e16", "123456789.125"),
            lambda: f"({self.integer(d)} / {self.pick('2', '3', 'f', self.integer(0))})", lambda: f"({self.pick('f', '2.5')} {self.pick('+', '*', '-', '%', '//')} {self.integer(d)})",
            lambda: f"{self.any(d)}|float({self.pick('', '1.0')})", lambda: f"{self.pick('f', '2.675', '0.5', '1.25', '7')}|round({self.pick('', '1', '2', '0, ' + chr(39) + 'floor' + chr(39), '1, ' + chr(39) + 'ceil' + chr(39))})",
        )()

    def boolean(self, depth: int) -> str:
        if depth <= 0:
            return self.pick("flag", "true", "false", "not flag", "s", "items", "missing is defined")
        any_, d = self.any, depth - 1
        return self.pick(
            lambda: f"{any_(d)} {self.pick('==', '!=')} {any_(d)}", lambda: f"{self.number(d)} {self.pick('<', '<=', '>', '>=')} {self.number(d)}",
            lambda: f"{self.string(d)} {self.pick('<', '>=')} {self.string(d)}", lambda: f"{any_(0)} {self.pick('in', 'not in')} {self.list(d)}",
            lambda: f"{self.string(0)} in {self.string(d)}", lambda: f"{self.string(0)} in {self.dict(d)}",
            lambda: f"{any_(d)} is {self.pick('', 'not ')}{self.pick('defined', 'none', 'string', 'mapping', 'iterable', 'sequence', 'number', 'boolean', 'integer', 'float', 'undefined', 'true', 'false', 'lower', 'upper', 'callable', 'escaped')}",
            lambda: f"{self.integer(d)} is {self.pick('odd', 'even', 'divisibleby 3', 'divisibleby(2)', 'eq 3', 'gt 2', 'in [1, 2]')}",
            lambda: f"({self.string(d)}).{self.pick('startswith', 'endswith')}({self.pick(self.string(0), '(' + self.string(0) + ', ' + chr(39) + 'a' + chr(39) + ')')})",
            lambda: f"({self.boolean(d)} {self.pick('and', 'or')} {self.boolean(d)})", lambda: f"not {self.boolean(d)}",
            lambda: f"({self.string(d)}).{self.pick('isdigit', 'isalpha', 'isspace', 'islower', 'isupper', 'isalnum')}()",
            lambda: f"1 < {self.integer(d)} <= 10", lambda: f"{self.dict(d)}['items'] is {self.pick('defined', 'string', 'callable')}", lambda: f"{self.list(d)} {self.pick('<', '==', '>=')} {self.list(d)}",
        )()

    def list(self, depth: int) -> str:
        if depth <= 0:
            return self.pick("items", "rows", "words", "[]", "[1, 2, 3]", "['b', 'a', 'C']", "(1, 'x')", "range(4)", "deep.list")
        any_, d = self.any, depth - 1
        test = lambda: self.pick("", "'string'", "'none'", "'eq', 1", "'in', ['a', 1]", "'defined'")
        attr = lambda: self.pick("'role', 'eq', 'user'", "'n', 'gt', 1", "'content'", "'sub.x', 'equalto', 1", "'gone', 'defined'", "'role', 'in', ['tool', 'user']")
        return self.pick(
            lambda: f"[{any_(d)}, {any_(d)}]", lambda: f"({any_(d)}, {any_(d)})", lambda: f"{self.list(d)} + {self.list(d)}",
            lambda: f"({self.list(d)})[{self.pick('1:', ':2', '::-1', '-2:', '1:3')}]", lambda: f"{self.list(d)}|{self.pick('list', 'reverse|list', 'sort', 'unique|list', 'sort(reverse=true)', 'reverse')}",
            lambda: f"{self.list(d)}|{self.pick('select', 'reject')}({test()})|list", lambda: f"rows|{self.pick('selectattr', 'rejectattr')}({attr()}){self.pick('|list', '')}",
            lambda: f"rows|map(attribute={self.pick(repr('content'), repr('n'), repr('sub.x'), repr('gone') + ', default=' + repr('?'))}){self.pick('|list', '')}",
            lambda: f"words|map('{self.pick('upper', 'length', 'trim', 'tojson', 'title')}')|list", lambda: f"({self.string(d)}).split({self.pick('', repr(','), repr(' '), 'none, 1', repr('a') + ', 1', 'sep=' + repr(' ') + ', maxsplit=1')})",
            lambda: f"({self.string(d)}).{self.pick('rsplit', 'split')}({self.pick('none, 1', repr(' ') + ', 2', repr(','))})", lambda: f"({self.string(d)}).splitlines({self.pick('', 'true')})",
            lambda: f"{self.dict(d)}|{self.pick('dictsort', 'items|list', 'list', 'dictsort(reverse=true)', 'dictsort(true)', 'dictsort(by=' + chr(39) + 'value' + chr(39) + ')')}",
            lambda: f"{self.dict(d)}.{self.pick('items', 'keys', 'values')}(){self.pick('|list', '')}", lambda: f"range({self.pick('m', '1, 5', '5, 0, -2', '3')}){self.pick('', '|list')}",
            lambda: f"words|sort{self.pick('', '(case_sensitive=true)')}", lambda: f"rows|sort(attribute={self.pick(repr('n'), repr('role,n'), repr('sub.x'))})",
            lambda: f"{self.list(d)}|{self.pick('batch(2)', 'batch(3, ' + chr(39) + '-' + chr(39) + ')', 'slice(2)', 'slice(3, 0)')}|list",
            lambda: f"({self.string(d)}).{self.pick('partition', 'rpartition')}({self.pick(repr(' '), repr('a'))})", lambda: f"{self.string(d)}|list",
        )()

    def dict(self, depth: int) -> str:
        if depth <= 0:
            return self.pick("record", "deep", "{}", "{'a': 1, 'b': none}", "deep.map", "{1: 'x', 'z': [1.5]}")
        d = depth - 1
        return self.pick(
            lambda: f"{{{self.string(0)}: {self.any(d)}, 'k': {self.any(d)}}}", lambda: f"dict({self.dict(d)}, a={self.any(d)})",
            lambda: f"dict(x={self.any(d)})", lambda: f"{self.dict(d)}.copy()", lambda: f"(rows|first or {{}})",
        )()

    def sized(self, depth: int) -> str:
        return self.pick(self.list, self.string, self.dict)(depth)

    def any(self, depth: int) -> str:
        if depth <= 0:
            extra = self.names + (["loop.index", "loop.first", "loop.last", "loop.length", "loop.revindex0", "loop.nextitem", "loop.previtem"] if self.loops else [])
            return self.rng.choice(NAMES + ["none", "1", "'x'", "1.5", "[1]", "{'q': 2}", "(3,)"] + extra)
        d = depth - 1
        options = [self.string, self.integer, self.number, self.boolean, self.list, self.dict]
        more = [
            lambda: f"{self.any(d)}|default({self.any(0)}{self.pick('', ', true')})", lambda: f"({self.any(d)} if {self.boolean(d)} else {self.any(d)})",
            lambda: f"({self.any(d)} if {self.boolean(d)})", lambda: f"{self.any(d)} {self.pick('and', 'or')} {self.any(d)}",
            lambda: f"{self.dict(d)}.get({self.string(0)}{self.pick('', ', ' + self.any(0))})", lambda: f"{self.dict(d)}[{self.pick(self.string(0), repr('k'))}]",
            lambda: f"({self.list(d)})[{self.pick('0', '-1', '5', 'm')}]", lambda: f"rows[0].{self.pick('role', 'content', 'sub.x', 'gone', 'sub')}",
            lambda: f"deep.{self.pick('map.b.c', 'list.1.0', 'role', 'gone', 'map.b[' + chr(39) + 'c' + chr(39) + ']', 'list[1][1].x')}",
            lambda: f"{self.list(d)}|{self.pick('first', 'last', 'length', 'sum')}",
        ]
        if self.macros:
            more.append(lambda: self.call(d))
        if self.rng.random() < 0.55:
            return self.rng.choice(options)(d)
        return self.rng.choice(more)()

    def call(self, depth: int) -> str:
        name = self.rng.choice(self.macros)
        return f"{name}({self.pick('', self.any(depth), self.any(0) + ', ' + self.any(0), 'b=' + self.any(0), self.any(0) + ', c=' + self.any(0))})"

    # Statements.

    def open(self) -> str:
        return "{%" + self.pick("", "", "-", "-", "+")

    def close(self) -> str:
        return self.pick("", "", "-", "-", "+") + "%}"

    def tag(self, text: str) -> str:
        return f"{self.open()} {text} {self.close()}"

    def text(self) -> str:
        return self.pick("", " ", "\n", "text ", "  indented\n", "\n\n  ", "ä\n", "\t", "a {b} %c\n", "x\r\n", "{# note #}", "{#- note -#}\n", "\n{# two\nlines #}\n",
                         "{% raw %}{{ raw }}{% endraw %}", "{%- raw -%} {% x %} {%- endraw %}\n")

    def print(self, depth: int) -> str:
        return "{{" + self.pick("", "-", "") + " " + self.any(depth) + " " + self.pick("", "-", "") + "}}"

    def body(self, depth: int) -> str:
        parts = []
        for _ in range(self.rng.randint(1, 3)):
            parts.append(self.text())
            parts.append(self.statement(depth - 1))
        parts.append(self.text())
        return "".join(parts)

    def statement(self, depth: int) -> str:
        if depth <= 0:
            return self.print(2)
        e = self.rng.randint(1, 3)
        choice = self.rng.random()
        if choice < 0.35:
            return self.print(e)
        if choice < 0.5:
            name = self.pick("x", "y", "z")
            made = self.pick(lambda: self.tag(f"set {name} = {self.any(e)}"), lambda: self.tag(f"set {name}, y = {self.any(e)}, {self.any(0)}"),
                             lambda: self.tag(f"set {name}{self.pick('', ' | upper', ' | trim | replace(' + repr('a') + ', ' + repr('b') + ')')}") + self.body(depth - 1) + self.tag("endset"))()
            self.names.append(name)
            return made
        if choice < 0.64:
            made = self.tag(f"if {self.boolean(e)}") + self.body(depth - 1)
            if self.rng.random() < 0.3:
                made += self.tag(f"elif {self.boolean(e)}") + self.body(depth - 1)
            if self.rng.random() < 0.5:
                made += self.tag("else") + self.body(depth - 1)
            return made + self.tag("endif")
        if choice < 0.82:
            return self.loop(depth, e)
        if choice < 0.88:
            name = self.pick("f1", "f2")
            outer, self.loops = self.loops, 0
            saved = list(self.names)
            self.names += ["a", "b", "c"]
            extra = self.pick("", "", "{{ varargs|length }}{{ kwargs|tojson }}", "{{ caller() if caller is defined else '-' }}")
            made = self.tag(f"macro {name}(a, b={self.any(0)}, c='z')") + self.body(depth - 1) + extra + self.tag("endmacro")
            self.names, self.loops = saved, outer
            self.macros.append(name)
            return made
        if choice < 0.93:
            made = self.tag("set ns = namespace(v=" + self.any(0) + ", w=0)")
            made += self.tag("for i in range(3)") + self.tag(f"set ns.v = {self.pick('i', 'ns.v ~ i', self.any(1))}") + self.tag("set ns.w = ns.w + i") + self.tag("endfor")
            self.names += ["ns.v", "ns.w"]
            return made + "{{ ns.v }}"
        if choice < 0.95 and self.macros:
            return self.tag(f"call{self.pick('', '(q)', '(q, r=2)')} {self.call(1)}") + self.body(depth - 1) + self.tag("endcall")
        if choice < 0.97:
            return self.tag(f"with w = {self.any(e)}, v = s") + "{{ w }}" + self.body(depth - 1) + self.tag("endwith")
        if choice < 0.985:
            return self.tag(f"filter {self.pick('upper', 'trim', 'indent(2)', 'replace(' + repr(' ') + ', ' + repr('_') + ')')}") + self.body(depth - 1) + self.tag("endfilter")
        return self.tag("generation") + self.body(depth - 1) + self.tag("endgeneration")

    def loop(self, depth: int, e: int) -> str:
        kind = self.rng.random()
        saved = list(self.names)
        if kind < 0.7:
            self.names.append("v")
            test = self.pick("", "", f" if {self.boolean(1)}", " if v is string", " if v")
            head = f"for v in {self.list(e)}{test}"
        elif kind < 0.95:
            self.names += ["k", "v"]
            head = f"for k, v in {self.dict(1)}.items()" if self.rng.random() < 0.7 else f"for k, v in {self.dict(1)}|dictsort"
        else:
            self.names.append("v")
            head = "for v in deep.list recursive"
        self.loops += 1
        inner = self.body(depth - 1)
        if "recursive" in head:
            inner += "{{ loop(v) if v is iterable and v is not string and v is not mapping }}"
        if self.rng.random() < 0.2:
            inner += self.tag(f"if {self.boolean(1)}") + self.tag(self.pick("break", "continue")) + self.tag("endif") + self.text()
        if self.rng.random() < 0.2:
            inner += "{{ loop.cycle('a', 'b') }}{{ loop.changed(v) }}"
        made = self.tag(head) + inner
        self.names = saved
        self.loops -= 1
        if self.rng.random() < 0.3:
            made += self.tag("else") + self.body(depth - 1)
        return made + self.tag("endfor")

    def program(self) -> str:
        return "".join(self.text() + self.statement(self.rng.randint(1, 4)) for _ in range(self.rng.randint(1, 5))) + self.text()


def program(seed: int) -> tuple[str, dict]:
    made = Programs(seed)
    values = context(made.rng)
    return made.program(), values
