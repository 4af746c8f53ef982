"""Which addresses a webhook may be sent to: a law as a table, over plain values.

Loopback and private networks are allowed, because inner systems are what webhooks are for. Refused is what only serves to
reach what the machine itself is trusted with: the metadata services of clouds, link-local neighbours, and addresses that
are no single host. IPv6 forms that carry an IPv4 address are judged by that one. A host that is written as a number in one
of the old ways (`2852039166`, `0xA9FEA9FE`, `0251.0376.0251.0376`) is judged by the address it stands for, then refused
all the same: only the usual form is taken. Names are judged by every address they resolve to, by whoever resolves them.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

REMEDY = "a sink's allow_addresses lifts this for networks that you name"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# The first kind that holds an address names it.
REFUSED: tuple[tuple[str, tuple[Network, ...]], ...] = (
    (
        "a cloud's metadata service",
        _networks(
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"),  # Amazon and most
            *("fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),  # Google, Alibaba, Oracle, Azure
        ),
    ),
    ("a link-local address", _networks("169.254.0.0/16", "fe80::/10")),
    ("an unspecified address", _networks("0.0.0.0/8", "::/128")),
    ("a broadcast address", _networks("255.255.255.255")),
    ("a multicast address", _networks("224.0.0.0/4", "ff00::/8")),
    ("a reserved address", _networks("192.0.0.0/24", "240.0.0.0/4")),
)
_USED = _networks("::1", "fc00::/7", "2000::/3")  # of IPv6; the rest is reserved, or refused above by name
_LOOPBACK = _networks("127.0.0.0/8", "::1")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_INNER_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".svc")

# IPv6 networks whose addresses carry an IPv4 address, and how far from the right its 32 bits end.
_CARRIERS: tuple[tuple[Network, int], ...] = tuple(
    (ip_network(text), shift)
    for text, shift in (
        ("::ffff:0:0/96", 0),  # mapped
        ("::ffff:0:0:0/96", 0),  # translated
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64, local
        ("2002::/16", 80),  # 6to4
        ("::/96", 0),  # compatible
    )
)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries, else the address itself."""
    if isinstance(address, IPv4Address) or int(address) in (0, 1):
        return address
    if address.teredo is not None:
        return address.teredo[1]
    for carrier, shift in _CARRIERS:
        if address in carrier:
            return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def refused_kind(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """What kind of refused address it is; None for one that may be connected to. `allowed` lifts the refusal."""
    inner = unwrapped(address)
    if any(address in network or inner in network for network in allowed):
        return None
    for kind, networks in REFUSED:
        if any(inner in network for network in networks):
            return kind
    if isinstance(inner, IPv6Address) and not any(inner in network for network in _USED):
        return "a reserved address"
    return None


def host_fault(host: str, allowed: Sequence[Network] = ()) -> str | None:
    """What is wrong with a URL's host as far as it can be told without resolving it; None for a name or a good address."""
    plain = host.rstrip(".")
    if not all("!" <= character <= "~" for character in plain):  # resolvers differ in what they make of others
        return "is neither a name nor an address"
    try:
        address = _literal(plain)
    except ValueError:
        return "is neither a name nor an address"
    if address is None:
        return None
    if kind := refused_kind(address, allowed):
        return f"is {kind}{'' if str(address) == plain else f' ({address})'}; {REMEDY}"
    return None if _usual(plain) else f"is an unusual way to write {address}; write it so"


def stays_inside(host: str) -> bool:
    """Whether what is sent to this host stays on the machine or in a private network, as far as its text tells.

    Names without a dot (a container's, a service's) and those under the inner top levels count as inside.
    """
    plain = host.rstrip(".").lower()
    address = _usual(plain)
    if address is None:
        return "." not in plain or plain.endswith(_INNER_NAMES)
    inner = unwrapped(address)
    return any(inner in network for network in (*_LOOPBACK, *_PRIVATE))


def _usual(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _literal(host: str) -> Address | None:
    """The address that a host stands for in any form the system's resolver takes; None for a name.

    ValueError for what ends in a number and is no address, since resolvers differ in what they make of it.
    """
    if (usual := _usual(host)) is not None:
        return usual
    parts = host.split(".")
    if not _numeric(parts[-1]):
        return None
    values = [_value(part) for part in parts]
    *high, low = values
    bits = 8 * (4 - len(high))
    if len(values) > 4 or any(value > 255 for value in high) or low >= 1 << bits:
        raise ValueError(host)
    number = low
    for place, value in enumerate(high):
        number |= value << 8 * (3 - place)
    return IPv4Address(number)


def _numeric(part: str) -> bool:
    return part.isascii() and (part.isdigit() or part[:2].lower() == "0x")


def _value(part: str) -> int:
    """Decimal, 0x hexadecimal or 0 octal; ValueError for anything else."""
    if not part.isascii() or not part.isalnum():
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part[0] == "0" and len(part) > 1 else int(part)
