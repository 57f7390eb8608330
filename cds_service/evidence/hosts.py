"""Which FHIR servers may be called: every address in a call was written by somebody else (cds-hooks.md 3.4).

A server may be called when its host is registered. Registered are host names, addresses, networks, each with
or without a port; `http://` before an entry allows that host without TLS. A registered name may only lead to
public addresses, unless the address itself is registered too or the name cannot be a public one (no dot,
`.internal` and its like). Plain http is for such local hosts and for entries that say so. Link-local
addresses, where clouds serve their secrets, are reached only when registered by themselves.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

Address = IPv4Address | IPv6Address
MAX_URL = 4000

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*\Z")
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")  # a last label like this makes a host a number to many readers
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]|[^\x00-\x7f]")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")
_PORTS = {"http": 80, "https": 443}
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"))  # NAT64, 6to4: an IPv4 address inside


class HostRefusedError(Exception):
    """An address that may not be called; the text says why and names no part of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request goes: scheme, host in lower case, port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered host: a name or a network, a port or all, with or without permission for plain http."""

    name: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None
    plain: bool


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that one client's calls may name."""

    entries: frozenset[Entry]

    def base(self, url: str) -> tuple[Origin, str]:
        """The origin and the address without trailing slash of a FHIR server. Raises HostRefusedError."""
        parts = _split(url)
        if "?" in url or "#" in url:
            raise HostRefusedError("a query or fragment in the server address")
        if any(unquote(segment) in (".", "..") for segment in parts.path.split("/")):
            raise HostRefusedError("dot segments in the server address")
        origin = _origin(parts)
        self._check(origin)
        return origin, f"{origin.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"

    def _check(self, origin: Origin) -> None:
        address = _literal(origin.host)
        fitting = [entry for entry in self._at(origin.port) if _names(entry, origin.host, address)]
        if not fitting:
            raise HostRefusedError("a host that is not registered")
        local = _is_local_name(origin.host) if address is None else not _is_public(address)
        if origin.scheme == "http" and not local and not any(entry.plain for entry in fitting):
            raise HostRefusedError("http where https is needed")

    def admits(self, origin: Origin, resolved: str) -> bool:
        """Whether a connection to that origin may go to this resolved address (CH-229)."""
        try:
            address = _bare(ipaddress.ip_address(resolved))
        except ValueError:
            return False
        if any(_covers(entry, address) for entry in self._at(origin.port)):
            return True
        if _literal(origin.host) is not None:
            return False
        return _is_public(address) or (_is_local_name(origin.host) and _is_inside(address))

    def _at(self, port: int) -> list[Entry]:
        return [entry for entry in self.entries if entry.port in (None, port)]


def allowed_hosts(entries: Iterable[str]) -> AllowedHosts:
    """The allow-list from settings (interface.md 5, 6). Raises ValueError naming an entry that is no host."""
    return AllowedHosts(frozenset(_entry(text) for text in entries if text.strip()))


def follow(origin: Origin, current: str, link: str) -> str:
    """The address a link or redirect on the page `current` leads to, if it stays at the origin.

    Raises HostRefusedError for any other (CH-088, CH-231, CH-234).
    """
    try:
        target = urljoin(current, link.strip())
    except ValueError:
        raise HostRefusedError("a link that is no address") from None
    parts = _split(target)
    if _origin(parts) != origin:
        raise HostRefusedError("a link to another server")
    return parts._replace(fragment="").geturl()


def _split(url: str) -> SplitResult:
    """The parts of an absolute http address without tricks; names are ASCII, international ones as `xn--`."""
    if len(url) > MAX_URL or _UNSAFE.search(url):
        raise HostRefusedError("an address with letters that do not belong there")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise HostRefusedError("no address") from None
    if parts.scheme not in _PORTS or not parts.netloc:
        raise HostRefusedError("no http or https address")
    if "@" in parts.netloc:
        raise HostRefusedError("user information in the address")
    return parts


def _origin(parts: SplitResult) -> Origin:
    try:
        port = parts.port
    except ValueError:
        raise HostRefusedError("a port that is none") from None
    host = (parts.hostname or "").lower()
    if port == 0 or parts.netloc.endswith(":") or not _is_host(host):
        raise HostRefusedError("a host that is written oddly")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def _is_host(host: str) -> bool:
    """A plain name or a plainly written address; octal, decimal, hex, zoned and nested ones are none
    (CH-228).
    """
    address = _literal(host)
    if address is not None:
        return address == _bare(address)
    return bool(_NAME.match(host)) and not _NUMBER.match(host.rsplit(".", 1)[-1])


def _literal(host: str) -> Address | None:
    """The address a host spells, None for a name."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def _bare(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    nat64, six_to_four = (address in network for network in _EMBEDDING)
    if nat64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv4Address((int(address) >> 80) & 0xFFFFFFFF) if six_to_four else address


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _is_inside(address: Address) -> bool:
    """A private or loopback address, as a local name may lead to; never link-local or unspecified."""
    odd = address.is_link_local or address.is_unspecified or address.is_multicast or address.is_reserved
    return address.is_private and (address.is_loopback or not odd)


def _is_local_name(host: str) -> bool:
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


def _names(entry: Entry, host: str, address: Address | None) -> bool:
    return entry.name == host if address is None else _covers(entry, address)


def _covers(entry: Entry, address: Address) -> bool:
    """A network covers a link-local address only when it is link-local itself."""
    if entry.network is None or address not in entry.network:
        return False
    return entry.network.is_link_local or not address.is_link_local


def _entry(text: str) -> Entry:
    host, port, plain = text.strip().lower(), None, False
    try:
        if "://" in host:
            scheme, host = host.split("://", 1)
            plain = {"http": True, "https": False}[scheme]
        if (network := _network(host)) is None and (found := re.match(r"(.*?):(\d{1,5})\Z", host)):
            host, port = found[1], int(found[2])
            network = _network(host)
        if port == 0 or (port or 1) > 65535 or not (network or _is_host(host)):
            raise ValueError
    except (ValueError, KeyError):
        raise ValueError(f"{text!r} is no host name, address or network, with or without :port") from None
    return Entry(None if network else host, network, port, plain)


def _network(host: str) -> IPv4Network | IPv6Network | None:
    try:
        return ipaddress.ip_network(host.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None
