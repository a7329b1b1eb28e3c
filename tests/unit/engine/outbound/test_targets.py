"""Which addresses clients may have called."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any, NoReturn

import pytest

from order_engine.outbound.targets import Target, Targets, is_public

PUBLIC, ANY = Targets(public_only=True), Targets(public_only=False)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.215.14", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3"),
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1"),
        *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"),
        *("192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("2001:db8::1", "3fff::1", "100::1"),
        # An IPv4 address in one of IPv6: mapped, compatible, translated, NAT64 (also of a network's own), Teredo, 6to4.
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002:7f00:1::1", "2002:a9fe:a9fe::1"),
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", Target(True, "example.com", 443, "/")),
        ("https://EXAMPLE.com:443/a?b=c", Target(True, "example.com", 443, "/a?b=c")),
        ("https://example.com?b", Target(True, "example.com", 443, "/?b")),
        ("https://[2606:4700::1]/a", Target(True, "2606:4700::1", 443, "/a")),
    ],
)
def test_a_url_is_read(url: str, expected: Target) -> None:
    assert PUBLIC.parse(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com", "expected https:// and a host"),
        ("ftp://example.com", "expected https:// and a host"),
        ("file:///etc/passwd", "expected https:// and a host"),
        ("//example.com", "expected https:// and a host"),
        ("example.com", "expected https:// and a host"),
        ("https://", "expected https:// and a host"),
        ("https:///path", "expected https:// and a host"),
        ("https://exämple.com", "printable ASCII"),
        ("https://example.com/a b", "printable ASCII"),
        ("https://example.com/\r\nhost: other", "printable ASCII"),
        ("https://example.com/" + "a" * 500, "printable ASCII"),
        ("", "printable ASCII"),
        ("https://example.com:8443", "expected port 443, was 8443"),
        ("https://example.com:80", "expected port 443, was 80"),
        ("https://example.com:0", "expected port 443, was 0"),
        ("https://example.com:99999", "expected a URL"),
        ("https://[::1", "expected a URL"),
        ("https://user@example.com", "without a user"),
        ("https://user:password@example.com", "without a user"),
        ("https://example.com\\@127.0.0.1", "without a user"),
        ("https://example.com#fragment", "without a user"),
        ("https://example.com/#", "without a user"),
        ("https://exam%70le.com", "and a host"),
        ("https://[fe80::1%25eth0]", "and a host"),
        ("https://exa$mple.com", "and a host"),
    ],
)
def test_another_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        PUBLIC.parse(url)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "host",
    # A resolver reads numbers too: hexadecimal, octal, all four in one, with parts left out.
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "localhost", "LOCALHOST"),
        *("169.254.169.254", "0xa9fea9fe", "2852039166", "10.0.0.1", "192.168.0.1"),
        *(
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fd00:ec2::254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
        ),
    ],
)
def test_a_host_inside_is_refused_in_every_form(host: str) -> None:
    with pytest.raises(ValueError, match="expected a host with public addresses only"):
        PUBLIC.check(f"https://{host}/")


def test_a_host_without_an_address_is_refused() -> None:
    def resolve(host: str, port: int, type: int) -> NoReturn:
        raise socket.gaierror("Name or service not known")

    with pytest.raises(ValueError, match=r"expected a host that resolves to an address, was nowhere\.example"):
        Targets(public_only=True, resolve=resolve).check("https://nowhere.example/")


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="expected a host that resolves to an address"):
        PUBLIC.check(f"https://{host}/")


def test_one_address_inside_among_public_ones_is_refused() -> None:
    def resolve(host: str, port: int, type: int) -> list[Any]:
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in ("8.8.8.8", "10.0.0.1")]

    with pytest.raises(ValueError, match=r"was rebind\.example at 10\.0\.0\.1"):
        Targets(public_only=True, resolve=resolve).check("https://rebind.example/")


def test_development_takes_any_address_and_port() -> None:
    ANY.check("http://127.0.0.1:8080/hook")
    ANY.check("https://localhost:8443")
    assert ANY.parse("http://localhost") == Target(False, "localhost", 80, "/")
    with pytest.raises(ValueError, match="expected https or http"):
        ANY.parse("ftp://localhost")
