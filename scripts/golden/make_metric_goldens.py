#!/usr/bin/env python3
"""Writes the goldens of evaluation metrics: the results of sacrebleu and of Python itself.

    python scripts/golden/make_metric_goldens.py [--output tests/golden/metrics]

Needs sacrebleu. tests/golden/metrics/README.md describes the files.
"""

import argparse
import json
import math
import random
import re
import string
from pathlib import Path

from sacrebleu.metrics import BLEU, CHRF

ROOT = Path(__file__).resolve().parents[2]

# Corpora: (hypothesis, references) pairs; all pairs of a corpus have the same number of references.
CORPORA = {
    "plain": [
        ("The cat sat on the mat.", ["The cat sat upon the mat."]),
        ("A slow green train leaves at noon, every day.", ["A slow green train left at noon every day."]),
        ("Nobody came to the meeting on Tuesday.", ["No one came to the meeting on Tuesday."]),
    ],
    "french": [
        ("L'été dernier, j'ai vu l'océan pour la première fois.", ["L'été passé, j'ai vu l'océan pour la première fois."]),
        ("Où est-ce que nous mangerons ce soir ?", ["Où mangerons-nous ce soir ?"]),
        ("« Ça suffit ! » cria-t-elle — puis elle sortit.", ["« Cela suffit ! » cria-t-elle, puis elle sortit."]),
        ("Le prix est passé de 1 234,50 € à 980 €.", ["Le prix est passé de 1 234,50 € à 980 €…"]),
    ],
    "numbers": [
        ("It cost $1,299.99 in 2019-2020, i.e. 3.5% more.", ["It cost $1,299.99 in 2019 - 2020, i.e. 3.5 % more."]),
        ("Version 2.10.3, build .5, page 7.", ["Version 2.10.3; build 0.5; page 7."]),
        ("a,b,c 1,2,3 x.y.z ,. .,", ["a, b, c 1,2,3 x . y . z , . . ,"]),
        ("7-10 -5 F-16 -a 3--4", ["7 - 10 -5 F-16 - a 3 - -4"]),
    ],
    "markup": [
        ("Tom &amp; Anna said &quot;yes&quot; &lt;twice&gt;.", ["Tom & Anna said \"yes\" <twice>."]),
        ("<skipped>one-\ntwo\nthree &amp;quot; four", ["onetwo three &quot; four"]),
        ("“Curly” and 'straight' and `ticks` {a} [b] (c)/d|e~f_g@h#i*j+k=l^m\\n", ["\"Curly\" and ’straight’ and `ticks`"]),
        ("&apos;kept&apos; & &nbsp;", ["&apos;kept&apos; & &nbsp;"]),
    ],
    "unicode": [
        ("日本語の文はここで終わります。", ["日本語の文はここで終わる。"]),
        ("Emoji 👩‍👩‍👧 and flags 🇫🇷 stay.", ["Emoji 👩‍👩‍👧 or flags 🇫🇷 stay."]),
        ("e\u0301tude is not étude, ΟΔΟΣ is not οδος.", ["étude is not e\u0301tude, οδος is not ΟΔΟΣ."]),
        ("wide\u3000space\u00a0no\u2009break\u2028line\x1cfile\x85next\u200bzero", ["wide space no break line file next zero"]),
        ("Привет, мир. Как дела?", ["Привет, мир! Как твои дела?"]),
    ],
    "empty": [
        ("", ["Something was expected here."]),
        ("Nothing was expected.", [""]),
        ("   \n\t ", ["  "]),
        ("One real sentence is in this corpus.", ["One real sentence is in that corpus."]),
    ],
    "all-empty": [("", ["a b c d"]), ("  ", ["e f"])],
    "short": [("yes", ["yes"]), ("no", ["no way"]), ("it is", ["it is"])],
    "no-bigram": [("a c e g i k", ["a b c d e f g h i j k"]), ("z y x w", ["w x y z"])],
    "disjoint": [("alpha beta gamma delta", ["one two three four"])],
    "long-hypothesis": [("the the the the the the the", ["the cat is on the mat"]), ("a b c d e f g h", ["a b c d"])],
    "two-references": [
        ("The dog runs through the park.", ["A dog ran through the park.", "The dog runs in a park."]),
        ("It rains.", ["It is raining.", "Rain falls on all of the town."]),
        ("Il fait froid ce matin.", ["Il fait très froid ce matin.", "Ce matin, il fait froid."]),
        ("", ["", "not empty"]),
    ],
    "three-references": [
        ("one two three four", ["one two", "one two three four five six", "four three two one zero"]),
        ("nearest of both", ["a", "one two three four five", "x y"]),
        ("same same but same", ["same same", "but same but", "same"]),
    ],
    "newlines": [
        ("First line.\nSecond line.\n\n", ["First line.\r\nSecond line."]),
        ("a hyphen-\nated word", ["a hyphenated word"]),
        ("tab\tand\x0bvertical\x0cfeed", ["tab and vertical feed"]),
    ],
}

# Pattern, and the texts to search.
PATTERNS = [
    (r"(?s).*#### ", ["a\nb #### 5\nc #### 7", "none"]),
    (r".*#### ", ["a\nb #### 5\nc #### 7"]),
    (r"#### (\-?[0-9\.\,]+)", ["so #### -1,200.50.", "####12", "#### 1 and #### 2"]),
    (r"(-?[$0-9.,]{2,})|(-?[0-9]+)", ["It is $12.50, or 7, or -3.", "5", "no number", "a 1. b"]),
    (r"\.$", ["5.", "5.\n", "5.\n\n", "5.x", "."]),
    (r"\.\Z", ["5.", "5.\n"]),
    (r"^b", ["a\nb", "b\nb"]),
    (r"(?m)^b?$", ["a\nb\n\nb", ""]),
    (r",", ["1,234,567", ""]),
    (r"\$", ["$5 $", "5"]),
    (r"a*", ["baé", "aab", ""]),
    (r"|a", ["aa", "日a"]),
    (r"a*?", ["aa"]),
    (r"a|(b)|()", ["abc"]),
    (r"(?i)é(?P<x>s)(?P=x)", ["ÉSs", "éss ÉsS"]),
    (r"(a)?(?(1)b|c)", ["ab c"]),
    (r"(?x) a \s b # c", ["a b"]),
    (r"(?<=a)b|b(?!c)", ["ab bc bd"]),
    (r"[]a]+|[^]b]", ["]a]b c"]),
    (r"\d+|\w+|\s+", ["x٣٤ 12\u00a0é_日 \u2003z"]),
    (r"(a)(b)?", ["ab a"]),
    (r"(?s:.)\n|.", ["x\ny"]),
    (r"\A\S+|\S+\Z", ["ab cd ef"]),
    (r"\x41|\u00e9|\U0001F600|\101|\t", ["AéA😀\t"]),
    (r"x{,2}|y{a", ["xxxy{a"]),
    (r"\bcat\b", ["cat concat cat."]),
    (r"The answer is (\(?[A-D]\)?)", ["The answer is (C).", "the answer is D", "The answer is A or The answer is B"]),
]
REFUSED = [r"(", r"[a", r"*", r"\p{L}", r"\K", r"\h+", r"(?<n>a)", r"(?P<n>a)(?P=m)", r"\1", "\\"]

# extract, last, ignore, ignore_case, ignore_punctuation; then written, references
GSM8K = {"ignore": [",", r"\$", r"(?s).*#### ", r"\.$"], "ignore_case": True}
STRICT = {"extract": r"#### (\-?[0-9\.\,]+)", **GSM8K}
FLEXIBLE = {"extract": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "last": True, **GSM8K}
ANSWERS = [
    (STRICT, "2 + 3 = 5\n#### 5", ["2 and 3\n#### 5"]),
    (STRICT, "#### 1,234.", ["So many.\n#### 1234"]),
    (STRICT, "the answer is 5", ["#### 5"]),
    (STRICT, "#### 5 or #### 6", ["#### 6"]),
    (FLEXIBLE, "the answer is $1,234.", ["a\n#### 1234"]),
    (FLEXIBLE, "first 3, then 7.", ["#### 7"]),
    (FLEXIBLE, "no number", ["[invalid]"]),
    (FLEXIBLE, "", ["#### 1"]),
    ({}, "Paris", ["Paris"]),
    ({}, "Paris ", ["Paris"]),
    ({}, "paris", ["Paris", "Lyon", "paris"]),
    ({}, "", [""]),
    ({"ignore_case": True}, "ÉCOLE İ ΟΔΟΣ, ΣΑΣ'Σ ὈΔΥΣΣΕΎΣ", ["école i̇ οδος, σας'ς ὀδυσσεύς"]),
    ({"ignore_case": True}, "Σ ΑΣ. ΑΣ.Β Α\u0301Σ Σ\u0301Α STRASSE", ["σ ας. ασ.β α\u0301ς σ\u0301α straße"]),
    ({"ignore_punctuation": True}, "It's (so) [nice] – “yes”!", ["Its so nice – “yes”"]),
    ({"ignore_punctuation": True, "ignore_case": True}, string.punctuation + "A", ["a"]),
    ({"ignore": [r"\b(a|an|the)\b", r"\s+"], "ignore_case": True}, "The  Cat", ["cat"]),
    ({"ignore": [r"a*"]}, "baac", ["bc"]),
    ({"extract": r"\s*\w+\s*"}, "\x1c\u00a0 yes \u2003no", ["yes"]),
    ({"extract": r"(x)?y"}, "y", [""]),
    ({"extract": r"(x)?(z)?y"}, "y", ["[invalid]"]),
    ({"extract": r"(x)?(z)?y", "ignore_punctuation": True}, "y", ["invalid"]),
]
CONTAINED = [
    ("The capital is paris, of course", ["Paris"]),
    ("The capital", ["Paris", "CAPITAL"]),
    ("a.b", ["a.b"]), ("axb", ["a.b"]), ("[x] (y)* \\d", ["(Y)* \\D"]), ("", [""]), ("", ["a"]), ("any", [""]),
    ("ÉCOLE", ["école"]), ("STRASSE", ["straße"]), ("STRAẞE", ["straße"]), ("ΟΔΟΣ", ["οδος"]), ("οδοσ", ["ΟΔΟΣ"]),
    ("İstanbul", ["istanbul"]), ("ıx", ["Ix"]), ("ſo", ["SO"]), ("\u212a", ["k"]), ("µ", ["μ"]), ("ǅ", ["ǆ"]),
    ("ﬆ", ["ﬅ"]), ("\u1fd3", ["\u0390"]), ("\u1fe3", ["\u03b0"]), ("e\u0301", ["é"]),
]
SPACED = ["", " ", "a", " a b ", "\x1c\x1d a\x1e\x1fb\x85", "\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000",
          "\u200b a\u180e ", "\t\n\x0b\x0c\r日 本\r\n", "é\u3000", "\u3000é \x00 "]
LOWERED = ["Σ", "ΑΣ", "ΑΣΒ", "ΑΣ Β", "Α.Σ", "ΑΣ'", "ΑΣ.Β", "1Σ", "Α1Σ", "ΣΣΣ", "İI", "ǅ", "ß ẞ", "日本 É", "Α\u0301Σ\u0301", ""]


def corpora():
    cases = {}
    for name, pairs in CORPORA.items():
        hypotheses = [hypothesis for hypothesis, _ in pairs]
        streams = [list(stream) for stream in zip(*(references for _, references in pairs))]
        case = {"hypotheses": hypotheses, "references": [references for _, references in pairs]}
        for key, metric in (("bleu", BLEU()), ("chrf", CHRF())):
            case[key] = metric.corpus_score(hypotheses, streams).score
            case[key + "_statistics"] = metric._extract_corpus_statistics(hypotheses, streams)
        tokenizer = BLEU().tokenizer
        case["tokens"] = [tokenizer(hypothesis.rstrip()).split() for hypothesis in hypotheses]
        cases[name] = case
    return cases


def found(pattern, text):
    """Spans of all matches and their groups, in bytes of UTF-8."""
    def span(match, group):
        begin, end = match.span(group)
        return None if begin < 0 else [len(text[:begin].encode()), len(text[:end].encode())]
    return [[span(match, group) for group in range(pattern.groups + 1)] for match in pattern.finditer(text)]


def regular_expressions():
    def refused(pattern):
        try:
            re.compile(pattern)
        except re.error:
            return True
        return False
    assert all(map(refused, REFUSED))
    return {"patterns": [{"pattern": pattern, "texts": [{"text": text, "matches": found(re.compile(pattern), text)} for text in texts]}
                         for pattern, texts in PATTERNS],
            "refused": REFUSED}


def extracted(settings, written):
    """Like lm-evaluation-harness's regex filter, according to its documentation."""
    if "extract" not in settings:
        return written
    matches = re.findall(settings["extract"], written)
    if not matches:
        return "[invalid]"
    match = matches[-1 if settings.get("last") else 0]
    if isinstance(match, tuple):
        match = next(filter(None, match), "[invalid]")
    return match.strip()


def normalized(settings, text):
    for pattern in settings.get("ignore", []):
        text = re.sub(pattern, "", text)
    if settings.get("ignore_case"):
        text = text.lower()
    if settings.get("ignore_punctuation"):
        text = text.translate(str.maketrans("", "", string.punctuation))
    return text


def answers():
    exact = []
    for settings, written, references in ANSWERS:
        prediction = normalized(settings, extracted(settings, written))
        targets = [normalized(settings, reference) for reference in references]
        exact.append({**settings, "written": written, "references": references, "prediction": prediction,
                      "targets": targets, "matches": prediction in targets})
    contains = [{"written": written, "references": references,
                 "matches": any(re.search(re.escape(reference), written, re.IGNORECASE) for reference in references)}
                for written, references in CONTAINED]
    return {"exact_match": exact, "contains": contains,
            "spaces": [{"text": text, "strip": text.strip(), "rstrip": text.rstrip(), "split": text.split()}
                       for text in SPACED],
            "lower": [{"text": text, "lower": text.lower()} for text in LOWERED]}


def samples():
    """Several draws from each seed, one after another."""
    cases = []
    for seed in (0, 1, 42, 1234, 2**32 - 1, 2**32, 2**63 + 12345, 2**64 - 1):
        draw = random.Random(seed)
        draws = [(1, 1), (5, 5), (5, 0), (21, 5), (22, 5), (100, 5), (7473, 6), (85, 6), (86, 6), (277, 22), (278, 22),
                 (1000, 3), (2**31 + 7, 4), (2**40 + 1, 3)]
        cases.append({"seed": seed, "draws": [{"size": size, "count": count, "drawn": draw.sample(range(size), count)}
                                              for size, count in draws]})
    many = random.Random(99)
    for _ in range(400):  # uses up the generator's 624 words, so that it makes new ones
        last = many.sample(range(50), 5)
    return {"seeds": cases, "after_400": {"seed": 99, "size": 50, "count": 5, "drawn": last}}


def mcnemar(only_base, only_tuned):
    n, fewer = only_base + only_tuned, min(only_base, only_tuned)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n)  # integers of any size divide exactly


def statistics():
    counts = [(0, 0), (1, 0), (0, 5), (3, 3), (3, 4), (10, 2), (2, 10), (50, 60), (100, 150), (500, 501), (0, 1000),
              (1000, 1200), (9000, 9300)]
    values = [0, 1, 1, 0, 1, 1, 1]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return {"mcnemar": [{"only_base": b, "only_tuned": t, "p": mcnemar(b, t)} for b, t in counts],
            "values": values, "mean_standard_error": spread / math.sqrt(len(values))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "tests/golden/metrics")
    arguments = parser.parse_args()

    arguments.output.mkdir(parents=True, exist_ok=True)
    contents = {"corpora": corpora(), "regular_expressions": regular_expressions(), "answers": answers(),
                "samples": samples(), "statistics": statistics()}
    for name, content in contents.items():
        file = arguments.output / f"{name}.json"
        file.write_text(json.dumps(content, separators=(",", ":")).replace("},{", "},\n{") + "\n")
        assert file.stat().st_size < 60_000, f"{file} is too much to keep in a repository"
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
