"""The HOLDFAST_* variables that something reads, and a warning of those that nothing does."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from holdfastdb_server.config.settings import PREFIX, Settings

_OTHERS = ("CONFIG", "PROFILE", "TARGET", "NAMESPACE", "TOKEN", "TLS")
"""What is no setting: where the settings are, and what clients and the command line read."""
_TESTS = "TEST_"
# Kubernetes sets these in every pod where a service is called holdfast.
_SERVICE_LINK = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_\w+")


def explain_unknown_variables(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each HOLDFAST_* variable that nothing reads; without its value, maybe a secret."""
    known = [*(name.upper() for name in Settings.model_fields), *_OTHERS]
    for name in sorted(names):
        prefix, rest = name[: len(PREFIX)].upper(), name[len(PREFIX) :].upper()
        if prefix != PREFIX or rest in known or rest.startswith(_TESTS) or _SERVICE_LINK.fullmatch(rest):
            continue
        near = difflib.get_close_matches(rest, known, n=1)
        yield f"{name} is no setting of Holdfast" + (f"; did you mean {PREFIX}{near[0]}?" if near else "")
