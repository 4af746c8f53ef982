"""The law of webhook targets: addresses in every form, worked out by hand from the RFCs and the clouds' documents."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.targets import host_fault, refused_kind, stays_inside, unwrapped

METADATA = "a cloud's metadata service"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("169.254.169.254", METADATA),
        ("fd00:ec2::254", METADATA),
        ("100.100.100.200", METADATA),
        ("192.0.0.192", METADATA),
        ("168.63.129.16", METADATA),
        ("169.254.0.1", "a link-local address"),
        ("169.254.255.255", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("febf:ffff::", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("255.255.255.255", "a broadcast address"),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.255", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("240.0.0.1", "a reserved address"),
        ("192.0.0.8", "a reserved address"),
        ("100::1", "a reserved address"),
        ("fec0::1", "a reserved address"),
        ("4000::1", "a reserved address"),
        ("::ffff:169.254.169.254", METADATA),
        ("::ffff:0:169.254.169.254", METADATA),
        ("::169.254.169.254", METADATA),
        ("64:ff9b::169.254.169.254", METADATA),
        ("64:ff9b:1::169.254.169.254", METADATA),
        ("2002:a9fe:a9fe::1", METADATA),
        ("2001:0:0a00:1::5601:5601", METADATA),  # Teredo: the client's address, inverted
        ("::ffff:224.0.0.1", "a multicast address"),
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("10.1.2.3", None),
        ("192.168.0.1", None),
        ("172.31.255.255", None),
        ("fd12:3456::1", None),
        ("8.8.8.8", None),
        ("169.253.255.255", None),
        ("169.255.0.0", None),
        ("2606:4700::1111", None),
        ("2002:0808:0808::1", None),
    ],
)
def test_addresses(text: str, kind: str | None) -> None:
    assert refused_kind(ip_address(text)) == kind


def test_named_networks_are_allowed_and_no_others() -> None:
    allowed = [ip_network("169.254.10.0/24"), ip_network("fe80::/64")]
    assert refused_kind(ip_address("169.254.10.7"), allowed) is None
    assert refused_kind(ip_address("::ffff:169.254.10.7"), allowed) is None
    assert refused_kind(ip_address("fe80::7"), allowed) is None
    assert refused_kind(ip_address("169.254.11.7"), allowed) == "a link-local address"
    assert refused_kind(ip_address("169.254.169.254"), allowed) == METADATA


def test_one_that_allows_an_ipv6_form_does_not_allow_the_address_in_it() -> None:
    allowed = [ip_network("::ffff:169.254.169.254/128")]
    assert refused_kind(ip_address("::ffff:169.254.169.254"), allowed) is None
    assert refused_kind(ip_address("169.254.169.254"), allowed) == METADATA


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "169.254.169.254..",
        "2852039166",
        "0xA9FEA9FE",
        "0xa9fea9fe.",
        "025177524776",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "169.16689662",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "0:0:0:0:0:FFFF:A9FE:A9FE",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_hosts_in_every_form_are_judged_by_what_they_stand_for(host: str) -> None:
    fault = host_fault(host)
    assert fault is not None
    assert fault.startswith(f"is {METADATA}")
    assert "allow_addresses" in fault


@pytest.mark.parametrize("host", ["0", "0x", "0x0", "00"])
def test_zero_is_an_address_too(host: str) -> None:
    assert str(host_fault(host)).startswith("is an unspecified address")


@pytest.mark.parametrize(
    ("host", "address"), [("2130706433", "127.0.0.1"), ("127.1", "127.0.0.1"), ("010.0.0.1", "8.0.0.1")]
)
def test_an_unusual_form_of_a_good_address_is_refused_with_the_usual_one(host: str, address: str) -> None:
    assert host_fault(host) == f"is an unusual way to write {address}; write it so"


def test_an_unusual_form_is_not_saved_by_a_network_that_is_allowed() -> None:
    fault = host_fault("2852039166", [ip_network("169.254.0.0/16")])
    assert fault == "is an unusual way to write 169.254.169.254; write it so"


@pytest.mark.parametrize(
    "host",
    [
        "256.1.1.1",
        "1.2.3.4.5",
        "4294967296",
        "08.1.1.1",
        "0xg",
        "1.2.3.256",
        "a.1",
        "1..1",
        "1.2.3.0x100",
        "-.1",
        "é.1",
        "258 39166",
        "local\0host",
        "a\x16b",
    ],
)
def test_what_ends_in_a_number_and_is_no_address_is_refused(host: str) -> None:
    assert host_fault(host) == "is neither a name nor an address"


@pytest.mark.parametrize(
    "host", ["crm.example", "crm", "10.example", "127.0.0.1", "::1", "10.0.0.7", "xn--bcher-kva.example", "1a"]
)
def test_names_and_good_addresses_pass(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        *[
            (host, True)
            for host in ("localhost", "LOCALHOST.", "receiver", "a.localhost", "db.svc.cluster.local", "x.internal")
        ],
        *[
            (host, True)
            for host in ("127.0.0.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1")
        ],
        *[(host, False) for host in ("crm.example", "8.8.8.8", "172.32.0.1", "2606:4700::1", "localhost.example")],
    ],
)
def test_what_stays_inside(host: str, inside: bool) -> None:
    assert stays_inside(host) is inside


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_is_judged_alike_in_every_form(number: int) -> None:
    plain = ip_address(number)
    kind = refused_kind(plain)
    forms = [f"::ffff:{plain}", f"64:ff9b::{plain}", str(ip_address(0x2002 << 112 | number << 80))]
    for form in forms:
        assert unwrapped(ip_address(form)) == plain
        assert refused_kind(ip_address(form)) == kind
    if kind:
        for host in (str(number), hex(number), f"0{number:o}"):
            assert str(host_fault(host)).startswith(f"is {kind}")


@given(st.text(max_size=40))
def test_no_host_raises(host: str) -> None:
    host_fault(host)
    stays_inside(host)
