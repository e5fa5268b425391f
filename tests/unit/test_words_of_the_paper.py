"""What is called the paper's is the paper's: pairs of words that no sentence puts together."""

import re

import pytest
from conftest import ROOT

TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config.yaml", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "config").glob("*")),
    *sorted((ROOT / "presets").glob("*.yaml")),
    *sorted((ROOT / "workflow" / "report").glob("*.rst")),
]

PAPERS = r"the paper's (method|network|U-Net)"
ONE = r"(one|a single) (pass|evaluation)\b"
# what the paper's method is not: other ways of working, and other methods
WAYS = ("unrolled", "refine", "instance_mind", "instance optimi", "matching cost", "several passes", "both directions")
ARMS = tuple(f"unet_{arm}" for arm in ("none", "classic", "warped", "random_contrast", "dagan", "pgan", "known"))
METHODS = ("voxelmorph", "convexadam", "greedy", "syn_", "niftyreg", *ARMS)
SEVERAL = (*WAYS, "mirror image", "gradients of")
# a sentence may say that the one is not the other, or set a method against another one
DENIED = r"\b(not|unlike|than|no)\b"
SET_APART = DENIED + r"|\b(against|over|above|below|ahead of|beside|compared|minus|level with|instead of)\b"
# `unet_proposed` alone is the paper's method, and what evaluates its network several times does not take one pass
FORBIDDEN = [
    *((PAPERS, way, DENIED) for way in WAYS),
    *((PAPERS, method, SET_APART) for method in METHODS),
    *((ONE, several, DENIED) for several in SEVERAL),
]


def sentences(text):
    """Sentences, and cells of tables, without line breaks and the signs of comments."""
    plain = re.sub(r"\s+", " ", re.sub(r"^\s*[#>*-]+ ?", "", text, flags=re.MULTILINE))
    return re.split(r"(?<=[.:;?!])\s|\s\|\s|\n\n", plain)


def wrong(text):
    """Sentences that call something the paper's, or one pass, that is not."""
    return [
        sentence
        for sentence in sentences(text)
        for first, second, unless in FORBIDDEN
        if re.search(first, sentence, re.IGNORECASE)
        and re.search(second, sentence, re.IGNORECASE)
        and not re.search(unless, sentence, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_else_is_called_the_papers_method_or_one_pass(path):
    assert wrong(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Refined on each pair,\nthe paper's method wins.", 1),
        ("# The paper's network is the\n# unrolled one.", 1),
        ("The unrolled network registers in one pass.", 1),
        ("| `unet_none` is the paper's method | fast |", 1),
        ("The unrolled network is not the paper's network.", 0),
        ("The paper's method is ahead of greedy.", 0),
        ("Refined, the paper's method is ahead of greedy.", 1),
        ("`unet_proposed` is the paper's method. Refined it is better.", 0),
    ],
)
def test_the_list_finds_what_it_is_for(text, count):
    assert len({*wrong(text)}) == count
