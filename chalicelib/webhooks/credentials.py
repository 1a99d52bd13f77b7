"""How a connection to PostgreSQL proves who it is, and how it knows the server.

There are two ways: a token of IAM, made anew for each connection, and a password in a secret. Either gives libpq's
parameters. The server must prove that it is the one named: outside the local cloud no way leads around ``verify-full``.
"""

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import SettingsError, UnavailableError
from chalicelib.settings import DatabaseAddress

ROOTS = Path(__file__).with_name("rds-roots.pem")
"""The authorities behind RDS and RDS Proxy."""

VERIFIED = {"sslmode": "verify-full", "gssencmode": "disable"}
"""What makes libpq prove whose server it is; encryption by Kerberos would go around it."""

PARAMETERS = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "username",
        "password",
        "sslmode",
        "sslrootcert",
        "connect_timeout",
        "application_name",
        "options",
    }
)
"""What a secret may say. libpq knows more, by which a secret would lead to another server, or around its proof."""

BESIDE = frozenset({"engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn", "ssl"})
"""What Secrets Manager keeps beside it, for its own rotation."""

_PROXY = ".proxy-"
"""In the host of every RDS Proxy."""


class Credentials(Protocol):
    def current(self) -> dict[str, Any]:
        """libpq's parameters for a connection that is opened now; ``UnavailableError`` when they cannot be had."""
        ...

    def refreshed(self) -> dict[str, Any]:
        """The same after the server has refused the current ones; equal to them when there are no others."""
        ...


@dataclass
class TokenCredentials:
    """A token of IAM for each connection. ``make_token`` signs one, which is good for fifteen minutes."""

    address: DatabaseAddress
    make_token: Callable[[DatabaseAddress], str]
    roots: Path = ROOTS
    _latest: dict[str, Any] = field(default_factory=dict, repr=False)

    def current(self) -> dict[str, Any]:
        where = self.address
        self._latest = {
            "host": where.host,
            "port": where.port,
            "dbname": where.name,
            "user": where.user,
            "password": self.make_token(where),
            "sslrootcert": str(self.roots),
            **VERIFIED,
        }
        if _PROXY in where.host:
            # RDS Proxy refuses a connection that brings options; the role has them (`webhooks/bootstrap.py`).
            self._latest["options"] = ""
        return self._latest

    def refreshed(self) -> dict[str, Any]:
        """The latest: a token that was made a moment ago is refused for other reasons than its age."""
        return self._latest or self.current()


@dataclass
class SecretCredentials:
    """Connection parameters from a secret as RDS has it: ``host``, ``port``, ``dbname``, ``username``, ``password``.

    Others of ``PARAMETERS`` may stand beside them; a key that is unknown is a ``SettingsError``. With ``requires_tls``
    the server is verified against RDS's own authorities, or those of the secret's ``sslrootcert``; a secret that asks
    for less is a ``SettingsError``, unless the server is on this machine.
    """

    cache: SecretCache
    secret_name: str
    requires_tls: bool = False

    def current(self) -> dict[str, Any]:
        return self._read(self.cache.get(self.secret_name))

    def refreshed(self) -> dict[str, Any]:
        return self._read(self.cache.refresh(self.secret_name))

    def _read(self, text: str | None) -> dict[str, Any]:
        try:
            secret = json.loads(text or "")
            user = {"user": secret["username"]}
        except (ValueError, KeyError, TypeError):
            raise UnavailableError(f"The secret {self.secret_name} does not hold a database's credentials.") from None
        if unknown := sorted(secret.keys() - PARAMETERS - BESIDE):
            raise SettingsError(
                f"The secret {self.secret_name} has what is no part of a database's credentials: {', '.join(unknown)}. "
                f"Take it out; known are {', '.join(sorted(PARAMETERS))}."
            )
        given = {key: value for key, value in secret.items() if key in PARAMETERS and key != "username"}
        parameters = user | given | {"gssencmode": VERIFIED["gssencmode"]}
        return self._verified(parameters) if self.requires_tls else parameters

    def _verified(self, parameters: dict[str, Any]) -> dict[str, Any]:
        is_here = _is_loopback(parameters)
        if is_here and not parameters.get("hostaddr"):
            parameters = parameters | {"hostaddr": _own_addresses(parameters["host"])}
        if is_here and "sslmode" not in parameters:
            return parameters
        verified = VERIFIED | {"sslrootcert": str(ROOTS)} | parameters
        if verified["sslmode"] != VERIFIED["sslmode"] and not is_here:
            raise SettingsError(
                f"The secret {self.secret_name} asks for sslmode {verified['sslmode']}, which does not prove whose "
                'server it is: take "sslmode" out of it, or set it to "verify-full"; "sslrootcert" names the file of '
                "the authorities, when they are not those of RDS."
            )
        return verified


def _is_loopback(parameters: dict[str, Any]) -> bool:
    """Whether all of the addresses that libpq would try are this machine's; sockets of Unix are."""
    named = [str(parameters[key]) for key in ("host", "hostaddr") if parameters.get(key)]
    return bool(named) and all(_is_own(host) for text in named for host in text.split(","))


def _own_addresses(hosts: str) -> str:
    """The addresses of this machine's ``hosts``, as ``hostaddr`` wants them: a socket has none.

    Said aloud they are not looked up, neither in the environment (``PGHOSTADDR``) nor in a file of services.
    """
    addresses = {"localhost": "127.0.0.1"}
    return ",".join("" if host.startswith("/") else addresses.get(host, host) for host in hosts.split(","))


def _is_own(host: str) -> bool:
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
