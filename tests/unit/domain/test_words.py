"""The words of texts and of queries."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.search import check_query, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World_2! hello-x", ["hello", "world", "2", "x"]),
        ("Straße ﬁn ÉCOLE e\u0301cole", ["strasse", "fin", "école"]),
        # Combining marks are of the word.
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("東京、大阪", ["東京", "大阪"]),
        ("٣ apples ½", ["٣", "apples", "1", "2"]),
        ("— … 🦜", []),
        ("", []),
        ("x" * 256, ["x" * 255]),
        ("é" * 256, ["é" * 255]),
    ],
)
def test_words_are_letters_digits_and_marks_of_any_script(text: str, found: list[str]) -> None:
    assert list(words([text])) == found


def test_words_of_several_texts_are_in_order_and_none_is_twice() -> None:
    assert list(words(["b a", "c B é", "A é"])) == ["b", "a", "c", "é"]


def test_a_query_has_1_to_64_different_words() -> None:
    assert check_query("query", "One one, TWO") == ("one", "two")
    assert check_query("query", "x") == ("x",)
    many = " ".join(map(str, range(64)))
    assert len(check_query("query", f"{many} 0 1")) == 64
    for refused in ("", "?!", f"{many} 64"):
        with pytest.raises(InvalidField) as refusal:
            check_query("query", refused)
        assert refusal.value.field == "query"


def test_a_query_has_at_most_4000_characters() -> None:
    assert check_query("query", "é" + " " * 3_999) == ("é",)
    with pytest.raises(InvalidField):
        check_query("query", "é" + " " * 4_000)
