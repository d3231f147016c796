"""Database URLs: made of parts, and shown without their password."""

from __future__ import annotations

import re
from urllib.parse import quote

# Up to the last @: a password that was not encoded may hold any character.
_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*):(.*)@")
_PASSWORD_PARAMETER = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*")


def join_database_url(host: str, port: int, user: str, password: str, name: str) -> str:
    """Return PostgreSQL's URL; the parts may hold any characters. A host may be a socket's directory."""
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    database = quote(name, safe="")
    if host.startswith("/"):
        return f"postgresql://{login}@/{database}?host={quote(host, safe='')}&port={port}"
    return f"postgresql://{login}@{f'[{host}]' if ':' in host else host}:{port}/{database}"


def mask_password(url: str) -> str:
    """Return the URL as it may be shown."""
    return _PASSWORD_PARAMETER.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", url))
