"""TLS that verifies: what a URL asks for, raised to what a remote host needs."""

from typing import Any

import certifi

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SPELLINGS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


def pop_tls_arguments(
    query: dict[str, str],
    *,
    setting: str,
    remote: bool,
    root_cert: str | None,
    must_verify: bool,
) -> dict[str, Any]:
    """Take what concerns TLS out of `query` and return it as psycopg wants it.

    `require` alone encrypts for whoever answers; for a remote host it is raised to
    `verify-full`, with a CA file that exists. The binary wheels have no CA store of
    their own, so that `sslrootcert=system` would find none.

    Args:
        query: The parameters of a URL.
        setting: The name of the setting that the URL comes from.
        remote: Whether the host is another machine.
        root_cert: A CA file instead of certifi's.
        must_verify: Refuse a remote host that need not prove who it is.

    Raises:
        ValueError: The mode is unknown, or not allowed.
    """
    given = query.pop("ssl", "")
    mode = query.pop("sslmode", _SPELLINGS.get(given, given))
    ca_file = query.pop("sslrootcert", "")
    is_direct = query.get("sslnegotiation") == "direct"
    if mode and mode not in _MODES:
        raise ValueError(f"{setting} has an unknown sslmode: take verify-full")
    if ca_file == "system":
        mode, ca_file = "verify-full", ""
    if is_direct:
        mode = mode or "require"
    if remote and (mode == "require" or (must_verify and not mode)):
        mode = "verify-full"
    if remote and must_verify and not mode.startswith("verify"):
        reason = "refused by ENVIRONMENT=production, take verify-full"
        raise ValueError(f"{setting} has sslmode={mode}: {reason}")
    ca_file = ca_file or root_cert or certifi.where()
    if mode.startswith("verify"):
        return {"sslmode": mode, "sslrootcert": ca_file}
    return {"sslmode": mode} if mode else {}
