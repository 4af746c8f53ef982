"""Every target on its seeds, on what was once a find, and on a bounded number of inputs made of them; and the README's table."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.filterwarnings("ignore")  # of what libraries say of strange inputs

HOME = Path(__file__).parent
FINDS = sorted((HOME / "finds").glob("*.bin"))
LEAST_SHARE = 1 / 50  # of a full run's ten million: 200,000
EXAMPLES = 40

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
bounded = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@st.composite
def mutated(draw: st.DrawFn, target: Target) -> bytes:
    """A seed with pieces of others, words of the format and stray bytes put into it or in place of its own."""
    data = draw(st.sampled_from(target.seeds))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(data)))
        end = draw(st.integers(begin, min(len(data), begin + 16)))
        piece = draw(st.sampled_from((*target.words, *target.seeds)) | st.binary(max_size=8))
        data = data[:begin] + piece + data[end:]
    return data[: target.most_bytes]


@each_target
def test_seeds(target: Target) -> None:
    for seed in target.seeds:
        target.feed(seed)


@each_target
@given(data=st.data())
@bounded
def test_inputs_made_of_seeds(target: Target, data: st.DataObject) -> None:
    target.feed(data.draw(mutated(target)))


@each_target
@given(data=st.binary(max_size=300))
@bounded
def test_bytes(target: Target, data: bytes) -> None:
    target.feed(data)


@pytest.mark.parametrize("find", FINDS, ids=lambda path: path.stem)
def test_what_was_once_a_find(find: Path) -> None:
    TARGETS[find.stem.partition(".")[0]].feed(find.read_bytes())


def test_no_target_gets_less_than_its_share_of_a_full_run() -> None:
    assert min(target.weight for target in TARGETS.values()) / sum(t.weight for t in TARGETS.values()) >= LEAST_SHARE


def test_the_readme_lists_every_target_with_its_exceptions() -> None:
    listed = re.findall(
        r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|",
        (HOME / "README.md").read_text().partition("## The full run")[0],
        re.MULTILINE,
    )
    assert listed == [
        (target.name, target.what, ", ".join(f"`{kind.__name__}`" for kind in target.documented) or "none")
        for target in TARGETS.values()
    ]
