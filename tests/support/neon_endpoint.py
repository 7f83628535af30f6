"""The one endpoint of the stand-in for Neon, and what its proxy says of others."""

from support.wire import Refused

ENDPOINT = "ep-cool-rain-a1b2c3"
DOMAIN = "eu-central-1.aws.neon.tech"

_NO_ENDPOINT = (
    "Endpoint ID is not specified. Either please upgrade the postgres client \
library (libpq) for SNI support or pass the endpoint ID (first part of the domain name) \
as a parameter: '?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni"
)
_WRONG_ENDPOINT = "The requested endpoint could not be found, or you don't have access \
to it. Please check the provided ID and try again."


def find_endpoint(name: str | None, options: list[str]) -> str:
    """Return the endpoint that a host name or an option means, `-pooler` included."""
    label, _, domain = (name or "").partition(".")
    found = [label] if domain == DOMAIN else []
    found += [o.removeprefix("endpoint=") for o in options if o.startswith("endpoint=")]
    if not found:
        raise Refused(_NO_ENDPOINT)
    if found[0].removesuffix("-pooler") != ENDPOINT:
        raise Refused(_WRONG_ENDPOINT)
    return found[0]
