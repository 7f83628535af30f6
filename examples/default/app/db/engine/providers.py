"""What providers document of their endpoints: which of them pool, and who signs them.

Nothing is assumed of a host that is not here.
"""

import re
from typing import NamedTuple


class Provider(NamedTuple):
    """The endpoints of a provider. Patterns match the whole of `host:port`.

    Attributes:
        name: What it is called.
        endpoint: Matches all of its endpoints.
        pooler: Matches those that pool: a pooler refuses server settings at start-up,
            whether it pools by transaction or by session.
        direct: The direct counterpart, made of the groups of `pooler`; "" if it cannot
            be known.
        ca: Where the CA that signs its servers is published; "" if certifi has it.
        sources: Where all of this is documented.
    """

    name: str
    endpoint: str
    pooler: str = ""
    direct: str = ""
    ca: str = ""
    sources: tuple[str, ...] = ()


_AWS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
_AZURE = "https://learn.microsoft.com/azure/postgresql"
_DIGITALOCEAN = "https://docs.digitalocean.com/products/databases/postgresql/how-to"
_SUPABASE = "https://supabase.com/docs/guides"

# The first one that matches counts.
PROVIDERS = (
    Provider(
        name="Neon",
        endpoint=r".+\.neon\.tech:\d+",
        pooler=r"([^.]+)-pooler(\..+)",
        direct=r"\1\2",
        sources=(
            "https://neon.com/docs/connect/connection-pooling",
            "https://neon.com/docs/connect/connect-securely",
        ),
    ),
    Provider(
        name="Supabase",
        endpoint=r"(?:.+\.pooler\.supabase\.com|db\..+\.supabase\.co):\d+",
        # The shared pooler listens on 5432 too, where it pools by session.
        pooler=r"(.+):6543",
        direct=r"\1:5432",
        ca="the dashboard, Database Settings, SSL Configuration",
        sources=(
            f"{_SUPABASE}/database/connecting-to-postgres",
            f"{_SUPABASE}/platform/ssl-enforcement",
        ),
    ),
    Provider(
        name="Amazon RDS Proxy",
        endpoint=r".+\.proxy-[^.]+\.[^.]+\.rds\.amazonaws\.com:\d+",
        pooler=r".+",
        sources=(
            f"{_AWS}/rds-proxy.howitworks.html",
            f"{_AWS}/rds-proxy.troubleshooting.html",
        ),
    ),
    Provider(
        name="Amazon RDS",
        endpoint=r".+\.rds\.amazonaws\.com:\d+",
        ca="https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
        sources=(f"{_AWS}/UsingWithRDS.SSL.html",),
    ),
    Provider(
        name="Azure Database for PostgreSQL",
        endpoint=r".+\.postgres\.database\.azure\.com:\d+",
        pooler=r"(.+):6432",
        direct=r"\1:5432",
        sources=(
            f"{_AZURE}/connectivity/concepts-pgbouncer",
            f"{_AZURE}/security/security-tls-how-to-connect",
        ),
    ),
    Provider(
        name="DigitalOcean",
        endpoint=r".+\.db\.ondigitalocean\.com:\d+",
        # The URL of a pool has the pool's name in place of the database's.
        pooler=r".+:25061",
        ca="the control panel, Connection Details, Download CA certificate",
        sources=(
            f"{_DIGITALOCEAN}/manage-connection-pools/",
            f"{_DIGITALOCEAN}/connect/",
        ),
    ),
)


def find_provider(endpoint: str) -> Provider | None:
    """Return the provider of an endpoint, given as `host:port`."""
    for provider in PROVIDERS:
        if re.fullmatch(provider.endpoint, endpoint):
            return provider
    return None


def is_pooler(endpoint: str) -> bool:
    """Whether an endpoint, given as `host:port`, is known to pool."""
    provider = find_provider(endpoint)
    return provider is not None and bool(re.fullmatch(provider.pooler, endpoint))


def get_direct(endpoint: str) -> str | None:
    """Return the direct counterpart of an endpoint, which may be itself.

    Returns:
        `host:port`, or `None` if the endpoint pools and its counterpart is not known.
    """
    provider = find_provider(endpoint)
    if provider is None or not (found := re.fullmatch(provider.pooler, endpoint)):
        return endpoint
    return found.expand(provider.direct) if provider.direct else None
