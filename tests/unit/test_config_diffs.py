"""What a difference of long files is made of, whatever way it was found."""

from hypothesis import given
from hypothesis import strategies as st

from desk.config.diffs import EXACT, diff, merged

LINES = st.lists(st.sampled_from("甲乙丙丁"), max_size=12)


@given(LINES, LINES)
def test_a_difference_says_how_one_text_becomes_the_other(old: list[str], new: list[str]) -> None:
    shown = diff("\n".join(old), "\n".join(new), around=100)
    if "\n".join(old).splitlines() == "\n".join(new).splitlines():
        return
    assert [line.text for line in shown if line.sign in " −"] == "\n".join(old).splitlines()
    assert [line.text for line in shown if line.sign in " +"] == "\n".join(new).splitlines()


@given(LINES, LINES, LINES)
def test_what_two_did_together_is_the_same_whoever_was_first(base: list[str], one: list[str], other: list[str]) -> None:
    texts = ["".join(f"{line}\n" for line in lines) for lines in (base, one, other)]
    assert merged(texts[0], texts[1], texts[2]) == merged(texts[0], texts[2], texts[1])


def test_a_map_of_thousands_of_lines_is_compared_without_a_search_for_the_least() -> None:
    def grid(lon: int) -> str:
        return "".join(f"[\n  {lon}.{number},\n  24.5\n],\n" for number in range(2000))

    before, after = grid(118), grid(119)
    assert len(before.splitlines()) ** 2 > EXACT
    shown = diff(before, after, around=0)
    # More may be shown as changed than need be, never less.
    assert {f"  119.{number}," for number in range(2000)} <= {line.text for line in shown if line.sign == "+"}
    assert {f"  118.{number}," for number in range(2000)} <= {line.text for line in shown if line.sign == "−"}
    # One line of many is one line.
    one = diff(before, before.replace("118.77,", "118.7,"))
    assert [line.sign for line in one].count("+") == 1
