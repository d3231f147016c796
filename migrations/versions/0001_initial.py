"""All tables, indexes and views, each noun's in a file of `migrations/initial/`.

What the columns mean is said in `holdfastdb_server/storage/schema/`.
"""

from __future__ import annotations

from pathlib import Path

from alembic.util import load_python_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_DIRECTORY = Path(__file__).parents[1] / "initial"
# Sessions before what refers to them, and views after their tables.
_NOUNS = (
    "sessions",
    "events",
    "states",
    "requests",
    "runs",
    "approvals",
    "tasks",
    "plans",
    "memories",
    "documents",
    "leadership",
    "views",
)


def upgrade() -> None:
    for noun in _NOUNS:
        # By its path: where the migrations are, in a checkout or in the wheel, they are no package.
        load_python_file(str(_DIRECTORY), f"{noun}.py").create()
