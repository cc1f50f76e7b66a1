"""Every link inside the project leads somewhere, to the very heading."""

import re

import pytest
from documents import DOCUMENTS, ROOT, prose, read

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(name: str) -> set[str]:
    """Return the anchors that a Markdown viewer gives a document's headings."""
    headings = re.findall(r"^#+ (.*)$", read(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(name: str, text: str) -> list[str]:
    """Return the links of a text that lead nowhere, as seen from the document `name`."""
    wrong = []
    for link in LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        found = target.exists() and target.is_relative_to(ROOT)
        if not found or (anchor and anchor not in anchors(target.relative_to(ROOT).as_posix())):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    assert broken(document, prose(document)) == []


def test_a_broken_link_is_noticed():
    assert broken("README.md", "[a](docs/none.md) [b](docs/scale.md#none) [c](docs/scale.md#ray)") == [
        "docs/none.md",
        "docs/scale.md#none",
    ]


def test_readme_leads_to_every_page():
    linked = {link.split("#")[0] for link in LINK.findall(read("README.md"))}
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked
