"""Calls over TLS: whom we trust, how we prove ourselves, and that all else is refused in our words."""

import asyncio
import ssl
import time
from datetime import timedelta
from pathlib import Path

import pytest

from sources.calling import BadTls, HttpxTransport, Limits, Tls, Upstream, WreqTransport, client_credentials
from sources.errors import SourceUnavailable
from tests.sources.authority import Authority
from tests.sources.stub import Asked, answer, json_answer, stub

pytestmark = pytest.mark.anyio

TRANSPORTS = [WreqTransport, HttpxTransport]
UNTRUSTED = "its TLS certificate is of no authority we trust, not valid now, or for another host"
BROKEN = "no connection could be made, or it broke before the answer was whole"
ENDS_WITHIN_S = 15.0
"""The calls have ten seconds; none may hang."""


def served(asked: Asked) -> bytes:
    if asked.target == "/token":
        return json_answer({"access_token": "t", "token_type": "bearer"})
    return answer(b"fine")


async def result_of(
    make: type[WreqTransport] | type[HttpxTransport], url: str, tls: Tls | None = None
) -> str:
    """What a call gives: the body, or the words of the error, which is `SourceUnavailable`."""
    transport = make() if tls is None else make(tls=tls)
    upstream = Upstream("lab", "ehr", url, transport=transport, limits=Limits(timeout_s=10))
    began = time.monotonic()
    (result,) = await asyncio.gather(upstream.send("GET", "x"), return_exceptions=True)
    await upstream.close()
    assert time.monotonic() - began < ENDS_WITHIN_S
    if isinstance(result, SourceUnavailable):
        assert result.__cause__ is None
        return result.why
    assert not isinstance(result, BaseException)
    return bytes(result.body).decode()


@pytest.mark.parametrize("make", TRANSPORTS)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_server_of_our_authority_is_trusted(
    make: type[WreqTransport], host: str, tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    async with stub(served, tls=ours.serving(ours.issued("server"))) as source:
        url = source.url.replace("127.0.0.1", host)
        assert await result_of(make, url, Tls(ca_file=ours.certificate)) == "fine"


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_without_our_authority_the_systems_are_trusted_and_no_other(
    make: type[WreqTransport], tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    async with stub(served, tls=ours.serving(ours.issued("server"))) as source:
        assert await result_of(make, source.url) == UNTRUSTED

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_server_of_another_authority_is_refused_and_asked_once(
    make: type[WreqTransport], tmp_path: Path
) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with stub(served, tls=other.serving(other.issued("server"))) as source:
        assert await result_of(make, source.url, Tls(ca_file=ours.certificate)) == UNTRUSTED

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_certificate_that_has_expired_is_refused(make: type[WreqTransport], tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    expired = ours.issued("server", lives=timedelta(days=-1))
    async with stub(served, tls=ours.serving(expired)) as source:
        assert await result_of(make, source.url, Tls(ca_file=ours.certificate)) == UNTRUSTED

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_certificate_of_another_host_is_refused(make: type[WreqTransport], tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    async with stub(served, tls=ours.serving(ours.issued("server", host="ehr.example"))) as source:
        assert await result_of(make, source.url, Tls(ca_file=ours.certificate)) == UNTRUSTED

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_server_that_asks_who_we_are_is_shown_our_certificate(
    make: type[WreqTransport], tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    us = ours.issued("us", host="gateway.example")
    tls = Tls(ours.certificate, us.certificate, us.key)
    async with stub(served, tls=ours.serving(ours.issued("server"), clients_of=ours)) as source:
        assert await result_of(make, source.url, tls) == "fine"


@pytest.mark.parametrize("make", TRANSPORTS)
@pytest.mark.parametrize("issuer", [None, "other"])
async def test_a_server_that_does_not_take_our_certificate_is_unavailable(
    make: type[WreqTransport], issuer: str | None, tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    tls = Tls(ours.certificate)
    if issuer is not None:
        us = Authority(tmp_path, issuer).issued("us")
        tls = Tls(ours.certificate, us.certificate, us.key)
    async with stub(served, tls=ours.serving(ours.issued("server"), clients_of=ours)) as source:
        assert await result_of(make, source.url, tls) == BROKEN

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_server_that_knows_only_old_tls_is_unavailable(
    make: type[WreqTransport], tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    context = ours.serving(ours.issued("server"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with stub(served, tls=context) as source:
        assert await result_of(make, source.url, Tls(ours.certificate)) == BROKEN

    assert source.asked == []


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_server_that_speaks_no_tls_is_unavailable(make: type[WreqTransport], tmp_path: Path) -> None:
    async def greets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await writer.drain()
        writer.close()

    ours = Authority(tmp_path)
    server = await asyncio.start_server(greets, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await result_of(make, url, Tls(ours.certificate)) == BROKEN
    server.close()
    await server.wait_closed()


async def test_tokens_are_asked_for_with_the_same_trust_and_the_same_certificate(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    us = ours.issued("us", host="gateway.example")
    tls = Tls(ours.certificate, us.certificate, us.key)
    async with stub(served, tls=ours.serving(ours.issued("server"), clients_of=ours)) as source:
        authorizer = client_credentials("lab", f"{source.url}/token", "us", "secret", tls=tls)
        upstream = Upstream(
            "lab", "pms", source.url, authorizer=authorizer, limits=Limits(timeout_s=10), tls=tls
        )
        reply = await upstream.send("GET", "x")
        await upstream.close()

    assert bytes(reply.body) == b"fine"
    assert [asked.target for asked in source.asked] == ["/token", "/x"]


def test_files_that_can_not_be_used_are_refused_at_the_start_without_their_content(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "other")
    us, them = ours.issued("us"), other.issued("them")
    odd = tmp_path / "odd.pem"
    odd.write_text("-----BEGIN SECRET-----\nhunter2\n-----END SECRET-----\n")
    gone = tmp_path / "gone.pem"
    refused = {
        Tls(ca_file=gone): "`ca_file` can't be read; give the path of a file that we may read",
        Tls(ca_file=odd): "`ca_file` holds no certificates that can be read; give a PEM file",
        Tls(
            certificate_file=us.certificate
        ): "`key_file` is missing; set it, because `certificate_file` is set",
        Tls(key_file=us.key): "`certificate_file` is missing; set it, because `key_file` is set",
        Tls(None, us.certificate, odd): (
            "`key_file` holds no private key that can be read; give a PEM file that is not encrypted"
        ),
        Tls(None, us.certificate, them.key): (
            "`key_file` is not the key of the certificate in `certificate_file`"
        ),
    }

    for tls, words in refused.items():
        with pytest.raises(BadTls) as raised:
            tls.check()
        assert str(raised.value) == words
        assert raised.value.__cause__ is None

    Tls(ours.certificate, us.certificate, us.key).check()
