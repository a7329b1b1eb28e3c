"""Links between the pages of the documentation lead somewhere."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import PAGES
from tests.support.stack import ROOT

_CODE = re.compile(r"```.*?```", re.DOTALL)


def anchors(page: str) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_link_leads_to_a_page_and_a_heading(page: str) -> None:
    text = (ROOT / page).read_text()
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _CODE.sub("", text)):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            lost.append(link)
    assert lost == []
