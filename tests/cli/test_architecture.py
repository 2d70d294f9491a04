"""The source tree against docs/architecture.md: its map, the order of its folders, and the paths that pages name."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(os.environ["EXPANDFT_SOURCE"])
SOURCES = ROOT / "src"
CODE = {".h", ".cpp", ".cu", ".cuh"}
MOST_FILES = 36  # of a folder: more, and nobody finds a line by its folder
PLUGIN_USES = {"families", "kernels", "cuda"}  # a library of its own: it knows the operators and little else


def code_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in CODE)


def folders() -> list[str]:
    """Folders of src/ that hold code, nested ones with their path."""
    found = [path for path in SOURCES.rglob("*") if path.is_dir() and code_files(path)]
    return sorted(str(path.relative_to(SOURCES)) for path in found)


def map_rows() -> list[tuple[str, bool]]:
    """Folder and whether it may use LibTorch, from the map in docs/architecture.md, lowest first."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `([\w/]+)` \| .* \| (no|yes) \|$", text, re.MULTILINE)
    return [(folder, torch == "yes") for folder, torch in rows]


def includes(path: Path, pattern: str) -> list[str]:
    return re.findall(rf"^#include {pattern}", path.read_text(), re.MULTILINE)


def test_the_map_names_every_folder():
    assert sorted(folder for folder, _ in map_rows()) == folders()


@pytest.mark.parametrize("folder", folders())
def test_a_folder_includes_only_itself_and_lower_ones(folder: str):
    order = [name for name, _ in map_rows()]
    allowed = set(order[: order.index(folder) + 1])
    if folder == "cuda":
        allowed = PLUGIN_USES
    for path in code_files(SOURCES / folder):
        for header in includes(path, r'"([^"]+)"'):
            home = os.path.dirname(header) or folder
            assert home in allowed, f"{path.relative_to(ROOT)} includes {header}"


@pytest.mark.parametrize("folder", [folder for folder, torch in map_rows() if not torch])
def test_a_torch_free_folder_includes_no_torch(folder: str):
    for path in code_files(SOURCES / folder):
        found = includes(path, r"<((?:ATen|c10|torch)/[^>]+)>")
        assert not found, f"{path.relative_to(ROOT)} includes {found[0]}"


@pytest.mark.parametrize("folder", folders())
def test_a_folder_stays_small(folder: str):
    assert len(code_files(SOURCES / folder)) <= MOST_FILES


def test_the_map_is_the_order_that_is_built():
    text = (SOURCES / "CMakeLists.txt").read_text()
    built = [
        re.search(rf"set\({name}\s+([^)]*)\)", text).group(1).split()
        for name in ("EXPANDFT_BASE_FOLDERS", "EXPANDFT_CORE_FOLDERS")
    ]
    order = [folder for folder, _ in map_rows()]
    assert built[0] == order[: len(built[0])]
    assert built[1] == order[len(built[0]) : len(built[0]) + len(built[1])]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_a_page_names_exist(page: Path):
    tops = "|".join(sorted({folder.split("/")[0] for folder in folders()}))
    text = page.read_text()
    named = re.findall(rf"`((?:src/)?(?:{tops})/[\w/]+\.(?:h|cpp|cu|cuh))`", text)
    named += re.findall(r"`((?:src|tests|scripts|configs|cmake|bench)/[\w/.-]+[\w/])`", text)
    missing = [
        name for name in named if not (ROOT / name).exists() and not (SOURCES / name).exists()
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path):
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        file = page if not target else (page.parent / target)
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub makes them."""
    made = set()
    for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        made.add(words.strip().replace(" ", "-"))
    return made


def test_a_name_and_its_file_belong_together():
    text = (ROOT / "docs/architecture.md").read_text()
    pairs = re.findall(r"`(\w+)`\s+\(`([\w/]+\.(?:h|cpp))`\)", text)
    assert len(pairs) > 20
    wrong = [pair for pair in pairs if pair[0] not in (SOURCES / pair[1]).read_text()]
    assert not wrong


def test_no_two_headers_define_a_class_of_one_name():
    """All of them share a namespace, and the linker would take either definition without a message."""
    homes = {}
    for folder in folders():
        if folder == "cuda":  # expandft::gpu
            continue
        for path in code_files(SOURCES / folder):
            if path.suffix == ".h":
                for name in re.findall(r"^(?:class|struct|enum class) (\w+)[^;]*\{", path.read_text(), re.MULTILINE):
                    homes.setdefault(name, []).append(path.name)
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_loops_on_threads_are_in_the_file_with_openmp():
    """Elsewhere at::parallel_for compiles to a loop on one thread, without a message."""
    users = [str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.*")
             if path.suffix in CODE and "at::parallel_for(" in path.read_text()]
    assert users == ["kernels/cpu_dispatch.cpp"]
