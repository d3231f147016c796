"""Lists never lose an id, on a terminal of any width and in a pipe."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from holdfastdb_server.cli.views.tables import Column, Fit, print_list, print_rows

Row = dict[str, str]

COLUMNS: tuple[Column[Row], ...] = (
    Column("Task", lambda row: row["id"], Fit.ID, style="bold"),
    Column("Status", lambda row: row.get("status", "pending")),
    Column("Kind", lambda row: row.get("kind", ""), Fit.WORD),
    Column("Worker", lambda row: row.get("worker", ""), Fit.ID),
    Column("Error", lambda row: row.get("error", ""), Fit.TEXT),
    Column("Created", lambda row: "3 min ago", style="dim"),
    Column("Lesson", lambda row: row.get("lesson", ""), Fit.PROSE),
)
IMPORTANCE = ("Status", "Created", "Kind", "Worker", "Error", "Lesson")

UUID = "0197a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
REVIEW = "github/holdfastdb/holdfast/pull/1234#review-"
IDS = [
    UUID,
    *(REVIEW + "9" * (length - len(REVIEW)) for length in (60, 90, 120)),
    "x" * 255,
    "two  spaces and a tail ",
    "日本語のタスク" * 9,
    "🚀" * 60,
    "é" * 41,
]


@pytest.fixture(params=[20, 80, 100, 140])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The width of the terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.split("\n")


@pytest.mark.parametrize("ids", [[one] for one in IDS] + [IDS, [UUID] * 9 + IDS], ids=len)
def test_each_id_stands_whole_in_one_line(
    ids: list[str], width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = [f"worker-{one}" for one in ids]
    rows = [
        {"id": one, "worker": worker, "error": "no luck " * 200, "kind": "k" * 200}
        for one, worker in zip(ids, workers, strict=True)
    ]
    print_rows(COLUMNS, rows, IMPORTANCE)
    printed = lines(capsys)
    for one in (*ids, *workers):
        assert any(one.rstrip() in line for line in printed), one


def test_only_an_id_is_wider_than_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": one, "error": "nö 日本 " * 200, "kind": "種類" * 90, "lesson": "sleep " * 99} for one in IDS
    ]
    print_list(COLUMNS, rows, importance=IMPORTANCE, noun="task", total=9, is_filtered=False)
    rows_printed = [line for line in lines(capsys)[:-2] if not line.startswith("The terminal is too narrow")]
    wider = [line for line in rows_printed if cell_len(line) > width]
    assert wider == [one for one in IDS if cell_len(one) > width]


@pytest.mark.usefixtures("wide")
def test_columns_give_way_by_their_importance(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"id": UUID, "worker": "worker-7f9c4d-x2k4p", "error": "time-out", "kind": "review"}
    print_rows(COLUMNS, [row], IMPORTANCE)
    assert lines(capsys) == [
        "Task                                  Status   Kind    Error     Created",
        f"{UUID}  pending  review  time-out  3 min ago",
        "  worker worker-7f9c4d-x2k4p",
        "",
    ]


@pytest.mark.usefixtures("wide")
def test_a_word_that_has_no_place_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, [{"id": "i" * 40, "status": "s" * 20, "kind": "review"}], IMPORTANCE)
    assert lines(capsys)[2:] == ["The terminal is too narrow for: kind.", ""]


@pytest.mark.usefixtures("wide")
def test_a_long_id_does_not_narrow_the_columns_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "t-1"}, {"id": "x" * 70}, {"id": "t-2"}]
    print_rows(COLUMNS, rows, IMPORTANCE)
    assert lines(capsys)[1:5] == [
        "t-1   pending  3 min ago",
        "x" * 70,
        "      pending  3 min ago",
        "t-2   pending  3 min ago",
    ]


@pytest.mark.usefixtures("wide")
def test_an_id_that_is_too_wide_for_its_column_continues_below(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, [{"id": "a", "worker": "w" * 41}, {"id": "b", "worker": "w-1"}], IMPORTANCE)
    assert lines(capsys)[1:4] == [
        "a     pending          3 min ago",
        "  worker " + "w" * 41,
        "b     pending  w-1     3 min ago",
    ]


@pytest.mark.usefixtures("wide")
def test_empty_columns_are_left_out_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, [{"id": "a"}], IMPORTANCE)
    assert lines(capsys)[0].split() == ["Task", "Status", "Created"]


@pytest.mark.usefixtures("wide")
def test_prose_is_wrapped_below_its_row_and_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, [{"id": "a", "lesson": "first\x1b line\n" + "word " * 200}], IMPORTANCE)
    prose = lines(capsys)[2:-1]
    assert prose[0] == "  lesson first␛ line"
    assert prose[1].startswith("  word word")
    assert all(line.startswith("  ") and len(line) <= 80 for line in prose)
    assert " ".join(" ".join(prose).split()).endswith("wor … 412 more characters; --json shows them")


def test_a_pipe_gets_every_cell_whole_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": one, "error": f"{one}\n\t\x1b[31m" + "e" * 900, "lesson": "l\n" * 900, "worker": "w" * 255}
        for one in IDS
    ]
    print_list(COLUMNS, rows, importance=IMPORTANCE, noun="task", total=1_200, is_filtered=False)
    printed = capsys.readouterr()
    cells = [line.split("\t") for line in printed.out.removesuffix("\n").split("\n")]
    assert cells[0] == [column.name for column in COLUMNS]
    assert [row[0] for row in cells[1:]] == IDS
    for row, one in zip(cells[1:], IDS, strict=True):
        error = " ".join(one.split()) + " ␛[31m" + "e" * 900
        assert row[1:] == ["pending", "", "w" * 255, error, "3 min ago", "l " * 899 + "l"]
    assert printed.err == f"{len(IDS)} of 1,200 tasks; --limit or --all shows more.\n"


@pytest.mark.parametrize(
    ("noun", "is_filtered", "text"),
    [
        ("task", True, "No task is like that."),
        ("task", False, "There are no tasks here yet."),
        ("memory", False, "There are no memories here yet."),
    ],
)
def test_that_there_is_none_is_no_row(
    noun: str, is_filtered: bool, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_list(COLUMNS, [], importance=IMPORTANCE, noun=noun, total=0, is_filtered=is_filtered)
    assert capsys.readouterr() == ("", f"{text}\n")


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(("count", "text"), [(1, "1 memory."), (2, "2 memories.")])
def test_the_number_of_rows_is_said_below_them(
    count: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": str(number)} for number in range(count)]
    print_list(COLUMNS, rows, importance=IMPORTANCE, noun="memory", total=count, is_filtered=False)
    assert lines(capsys)[-2] == text


def test_a_cell_may_have_its_own_style(capsys: pytest.CaptureFixture[str]) -> None:
    columns: tuple[Column[str], ...] = (Column("A", str), Column("B", lambda row: Text(row, "red")))
    print_rows(columns, ["x"], ["B"])
    assert capsys.readouterr().out == "A\tB\nx\tx\n"


def test_a_single_column_has_no_name_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows((Column("A", str),), ["x", "y"], ())
    assert capsys.readouterr().out == "x\ny\n"
