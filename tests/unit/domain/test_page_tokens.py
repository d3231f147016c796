"""Page tokens: they come back as they went, for their own list only, and nothing else passes for one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfastdb_server.domain.errors import InvalidField, InvalidPageToken
from holdfastdb_server.domain.paging import Cursor, PageRequest, check_page_size, read_token, write_token

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
CURSORS = st.lists(NUMBERS | TEXTS, min_size=1, max_size=4).map(tuple)
SCOPES = st.binary(max_size=40)


def shape(cursor: Cursor) -> tuple[type, ...]:
    return tuple(map(type, cursor))


@given(SCOPES, CURSORS)
def test_a_token_leads_back_to_its_cursor(scope: bytes, cursor: Cursor) -> None:
    assert read_token(scope, write_token(scope, cursor), shape(cursor)) == cursor


def test_a_page_is_ascending_and_without_a_total_unless_it_says_otherwise() -> None:
    assert PageRequest(3) == PageRequest(3, None, descending=False, with_total=False)


def test_no_token_is_the_beginning() -> None:
    assert write_token(b"list", None) == ""
    assert read_token(b"list", "", (int,)) is None


@given(SCOPES, SCOPES, CURSORS)
def test_a_token_of_another_list_or_filter_is_refused(one: bytes, other: bytes, cursor: Cursor) -> None:
    if one != other:
        with pytest.raises(InvalidPageToken):
            read_token(other, write_token(one, cursor), shape(cursor))


@given(CURSORS, st.lists(st.sampled_from([int, str]), max_size=5).map(tuple))
def test_a_cursor_of_another_shape_is_refused(cursor: Cursor, other: tuple[type, ...]) -> None:
    if other != shape(cursor):
        with pytest.raises(InvalidPageToken):
            read_token(b"list", write_token(b"list", cursor), other)


@given(st.text(min_size=1) | st.binary(min_size=1).map(bytes.hex))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageToken):
        read_token(b"list", text, (int, int))


def test_tokens_are_the_same_in_every_release() -> None:
    # A page may be asked for of another replica, of the next release.
    assert write_token(b"list", ("é", 5)) == "dx9iCze0ZENbIsOpIiw1XQ"
    assert read_token(b"list", "dx9iCze0ZENbIsOpIiw1XQ", (str, int)) == ("é", 5)
    # No character of it has to be escaped in an address.
    assert write_token(b"list", ("a?>~" * 3,)) == "dx9iCze0ZENbImE_Pn5hPz5-YT8-fiJd"
    assert read_token(b"list", "dx9iCze0ZENbImE_Pn5hPz5-YT8-fiJd", (str,)) == ("a?>~" * 3,)


@pytest.mark.parametrize("added", ["!", "!!!!", "\n" * 4, "++++", "    "])
def test_a_token_with_more_than_its_characters_is_refused(added: str) -> None:
    token = write_token(b"list", ("é", 5))
    for changed in (token + added, added + token, token[:4] + added + token[4:]):
        with pytest.raises(InvalidPageToken):
            read_token(b"list", changed, (str, int))


@pytest.mark.parametrize(
    "text", ['["\\ud800"]', '["a\\udfffb"]', '["a\\u0000"]', "{}", '"a"', '["a"', "[[]]", "[true]"]
)
def test_a_token_of_other_json_is_refused(text: str) -> None:
    digest = urlsafe_b64decode(write_token(b"list", (123456,)) + "==")[:8]
    forged = urlsafe_b64encode(digest + text.encode()).decode().rstrip("=")
    with pytest.raises(InvalidPageToken):
        read_token(b"list", forged, (str,))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\0"])
def test_a_forged_value_that_no_engine_takes_is_refused(value: int | str) -> None:
    with pytest.raises(InvalidPageToken):
        read_token(b"list", write_token(b"list", (value,)), (type(value),))


@given(st.integers(0, 2**31 - 1))
def test_a_page_is_never_larger_than_the_maximum(size: int) -> None:
    assert check_page_size(size, 20, 100) == (min(size, 100) if size else 20)


@given(st.integers(max_value=-1))
def test_a_negative_page_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidField):
        check_page_size(size, 20, 100)
