"""What `holdfast approve` and `holdfast reject` share: their options, who decides, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from holdfastdb import Approval

ApprovalId = Annotated[str, typer.Argument(metavar="APPROVAL", help="The approval's id.")]
Decider = Annotated[
    str,
    typer.Option("--by", metavar="NAME", help="Who decides. [default: the name of the current user]"),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why. The requester can read it.")]


def show(approval: Approval, as_json: bool) -> None:
    """Print an approval with all its fields."""
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        write(approval)
    else:
        from holdfastdb_server.cli.views.approvals import print_approval

        print_approval(approval)


def decider(by: str) -> str:
    """Who decides: `by`, else the current user. A user without a name is a usage error."""
    if by:
        return by
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError before Python 3.13
        raise typer.BadParameter(
            "the current user has no name here; name who decides", param_hint="--by"
        ) from None
