"""The README is true: every block of it runs, every link leads somewhere, and it can be read in ten minutes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from yieldflow.docs.architecture import FLOORS
from yieldflow.docs.pages import glossary
from yieldflow.docs.topics import TOPICS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = [README, ROOT / "examples" / "README.md", GUIDE]
HOWTOS = {path.stem for path in (ROOT / "examples" / "howto").glob("*.py")}
#: Seconds that a program of it may take. It takes a moment, on a slow machine many.
LONG = 300


def text_of(page: Path) -> str:
    """A page of the repository. A suite that runs on an installed wheel has the README and the examples alone."""
    if not page.exists():
        pytest.skip("runs in a checkout only")
    return page.read_text(encoding="utf-8")


def python_blocks(text: str) -> list[str]:
    """The Python blocks of a page, in their order."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_python_block_of_the_readme_runs(tmp_path: Path) -> None:
    """A reader who pastes the Python blocks one after another into a file gets a program that runs."""
    blocks = python_blocks(text_of(README))
    program = tmp_path / "readme.py"
    program.write_text("\n".join(blocks), encoding="utf-8")

    line = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=LONG)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [shown for source in blocks for shown in re.findall(r"print\(.*# (.*)", source)]


def test_the_readme_can_be_read_in_ten_minutes() -> None:
    """The README has less than 250 lines: what is longer is a how-to or a topic of the reference."""
    assert len(text_of(README).splitlines()) < 250


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """A link leads to a file of the repository, or to a heading of the page."""
    text = text_of(page)
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall("^#+ (.*)", text, re.M)
    }

    for link in re.findall(r"\]\(([^)]*)\)", text):
        file, _, heading = link.partition("#")
        assert not heading or heading in headings, link
        if GUIDE.exists() or file.startswith(("examples", "howto")):
            assert (page.parent / file).exists(), link


def test_the_readme_leads_to_every_howto() -> None:
    """Whoever wants to do something finds each how-to in the README's table."""
    table = text_of(README).partition("## I want to")[2].partition("\n## ")[0]

    assert set(re.findall(r"\(examples/howto/(\w+)\.py\)", table)) == HOWTOS


def test_every_path_of_the_guide_exists() -> None:
    """Each file and folder that CONTRIBUTING.md names is in the repository or in the package."""
    paths = re.findall(r"`([\w./]+/[\w./]*)`", text_of(GUIDE))

    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "yieldflow" / path).exists()] == []


def test_the_guide_has_the_floors_in_their_order() -> None:
    """The packages stand in the guide's table of floors as in the list by which imports are checked."""
    section = text_of(GUIDE).partition("## The floors")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d \| (.*?) \|", section, flags=re.MULTILINE)
    shown = [set(re.findall(r"`(\w+)`", row)) for row in rows]
    order = [floor & set().union(*shown) for floor in FLOORS]

    assert [floor for floor in order if floor] == shown


def test_the_guide_is_short() -> None:
    """CONTRIBUTING.md has less than 150 lines."""
    assert len(text_of(GUIDE).splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.name)
def test_a_page_sends_to_topics_and_commands_that_exist(page: Path) -> None:
    """Each topic of the reference that a page names can be shown, and each command of the tests can be run."""
    named = re.findall(r"python -m yieldflow docs ([a-z-]+)", text_of(page))
    commands = re.findall(r"python -m (tests[\w.]*\w)", text_of(page))

    assert set(named) <= {topic.name for topic in TOPICS}
    assert [name for name in commands if importlib.util.find_spec(name) is None] == []


def test_the_readme_gives_words_the_meaning_that_they_have_everywhere() -> None:
    """The words that the README explains are explained as in the glossary, word for word."""
    section = text_of(README).partition("## The words")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"^\| (\w+) \| (.*) \|$", section, flags=re.MULTILINE))
    del shown["word"]
    meanings = re.findall(r"^(\S+)\n((?:    .*\n)+)", glossary.__doc__ or "", flags=re.MULTILINE)

    assert len(shown) >= 10
    assert shown.items() <= {word: " ".join(meaning.split()) for word, meaning in meanings}.items()


def test_the_readme_never_tells_to_install_another_projects_distribution() -> None:
    """The name `yieldflow` on the package index belongs to another project."""
    assert re.search(r"pip install[^\n]* yieldflow(?!-durable)\b", text_of(README)) is None
