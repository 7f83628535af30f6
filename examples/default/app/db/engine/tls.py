"""TLS that verifies: raise what a URL asks for to what a remote server needs."""

from dataclasses import dataclass

import certifi

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SPELLINGS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a connection is encrypted, and how the server is verified.

    Attributes:
        mode: One of libpq's values of `sslmode`, or "" for the driver's default.
        ca_file: The certificates that can verify the server.
    """

    mode: str
    ca_file: str

    @property
    def is_verified(self) -> bool:
        """Whether the server must prove its identity."""
        return self.mode.startswith("verify")

    @property
    def is_required(self) -> bool:
        """Whether a server without TLS is refused."""
        return self.is_verified or self.mode == "require"

    @property
    def needs_public_ca(self) -> bool:
        """Whether only a public CA can have signed the server's certificate."""
        return self.is_verified and self.ca_file == certifi.where()


def pop_tls(
    query: dict[str, str],
    *,
    remote: bool,
    root_cert: str | None,
    has_tls: bool,
    must_verify: bool,
) -> Tls:
    """Take `sslmode` and `sslrootcert` out of `query`, and make them safe.

    `require` encrypts but does not verify the server. For a remote host it is raised to
    `verify-full`, with a CA file that exists: the binary wheels of the drivers have no
    CA store of their own, so `sslrootcert=system` finds nothing there. A URL without
    `sslmode` is raised too if that must be, or if the server is known to have TLS.

    Args:
        query: The parameters of a URL.
        remote: Whether the host is another machine.
        root_cert: A CA file to use instead of certifi's.
        has_tls: Whether the server is known to have TLS.
        must_verify: Reject an `sslmode` below `verify-ca` for a remote host.

    Raises:
        ValueError: The mode is unknown or not allowed.
    """
    given = query.pop("ssl", "")
    mode = query.pop("sslmode", _SPELLINGS.get(given, given))
    ca_file = query.pop("sslrootcert", "")
    if mode and mode not in _MODES:
        raise ValueError("has an unknown sslmode: use verify-full")
    if ca_file == "system":
        mode, ca_file = "verify-full", ""
    is_direct = query.get("sslnegotiation") == "direct"
    is_bound = query.get("channel_binding") == "require"
    if (is_direct or is_bound) and not mode.startswith("verify"):
        mode = "require"
    if remote and not mode and (must_verify or has_tls):
        mode = "require"
    if remote and mode == "require":
        mode = "verify-full"
    tls = Tls(mode=mode, ca_file=ca_file or root_cert or certifi.where())
    if remote and must_verify and not tls.is_verified:
        reason = "production does not allow it for a remote server, use verify-full"
        raise ValueError(f"has sslmode={mode}: {reason}")
    return tls
