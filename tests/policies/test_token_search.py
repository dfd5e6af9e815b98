"""Tokens match codings as FHIR says, on every coded datatype the records have."""

from __future__ import annotations

import pytest

from policies.tokens import Token, codings, tokens
from sources.model import CodeableConcept, Coding

LAB = Coding(system="http://x.example/category", code="laboratory", display="Laboratory")
LOCAL = Coding(code="laboratory")


@pytest.mark.parametrize(
    ("text", "coding", "matches"),
    [
        pytest.param("laboratory", LAB, True, id="a code of any system"),
        pytest.param("laboratory", LOCAL, True, id="a code of any system, or none"),
        pytest.param("Laboratory", LAB, False, id="a code in capitals"),
        pytest.param("lab", LAB, False, id="half a code"),
        pytest.param("http://x.example/category|laboratory", LAB, True, id="system and code"),
        pytest.param("http://x.example/category|laboratory", LOCAL, False, id="system and code, none there"),
        pytest.param("http://y.example/category|laboratory", LAB, False, id="another system"),
        pytest.param("http://x.example/category|survey", LAB, False, id="another code"),
        pytest.param("http://x.example/category|", LAB, True, id="any code of a system"),
        pytest.param("http://x.example/category|", LOCAL, False, id="any code of a system, none there"),
        pytest.param("|laboratory", LOCAL, True, id="a code without a system"),
        pytest.param("|laboratory", LAB, False, id="a code without a system, one there"),
        pytest.param("survey,laboratory", LAB, True, id="one of two codes"),
        pytest.param("laboratory", Coding(display="laboratory"), False, id="a display is no code"),
    ],
)
def test_a_token_matches_a_coding(text: str, coding: Coding, *, matches: bool) -> None:
    assert any(token.matches(coding) for token in tokens(text)) is matches


def test_the_alternatives_of_a_token_are_parted_by_commas() -> None:
    assert tokens("a,s|b,|c,s|") == (Token(None, "a"), Token("s", "b"), Token("", "c"), Token("s", None))


@pytest.mark.parametrize("text", ["", "|", "a,", ",a", "a,,b", "s|a|b", "a\\,b", "a\\"])
def test_a_token_that_can_not_be_read_for_sure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a token (must be|with an escape)"):
        tokens(text)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(None, [], id="an absent element"),
        pytest.param((), [], id="an empty element"),
        pytest.param("final", [Coding(code="final")], id="a code"),
        pytest.param(("food", "medication"), [Coding(code="food"), Coding(code="medication")], id="codes"),
        pytest.param(LAB, [LAB], id="a coding"),
        pytest.param(CodeableConcept(coding=(LAB, LOCAL), text="Lab"), [LAB, LOCAL], id="a concept"),
        pytest.param((CodeableConcept(coding=(LAB,)), CodeableConcept(text="x")), [LAB], id="concepts"),
    ],
)
def test_every_coding_of_a_coded_element_is_found(value: object, found: list[Coding]) -> None:
    assert list(codings(value)) == found


def test_an_element_of_no_coded_datatype_is_refused() -> None:
    with pytest.raises(TypeError, match="`int` holds no codings"):
        list(codings(7))
