"""HttpPages against a real server on loopback: what it asks, how often, how much it reads, and where it never connects."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import tracemalloc
import zlib

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from tests.integration.documents.site import Site, Time, body, page, replying, serving
from twin.documents.pages import Validators
from twin.drivers.http import HttpPages
from twin.drivers.http.guard import RefusedAddressError, guarded_socket
from twin.errors import BlockedError, FetchError, LimitError, RobotsError


@pytest.fixture
async def site():
    async with serving() as running:
        yield running


@pytest.fixture
def time():
    return Time()


def http(time: Time, **options) -> HttpPages:
    values = {"delay": 0, "timeout": 5, "sleep": time.sleep, "clock": time.clock, **options}
    return HttpPages("llm-twin/0.1 (+https://example.org)", **values)


class Names(AbstractResolver):
    """DNS that answers what it is told, one answer a question."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}
            for one in answer.split(",")
        ]

    async def close(self) -> None: ...


# what is asked


async def test_the_user_agent_is_ours_and_no_cookie_or_credential_is_sent(site, time):
    async def set_cookie(_request):
        return web.Response(text="<p>x", headers={"Set-Cookie": "a=b; Path=/"}, content_type="text/html")

    site.pages["/"] = set_cookie
    async with http(time) as pages:
        await pages.get(site.url("/").replace("//", "//user:secret@"), allow_private=True)
        await pages.get(site.url("/"), allow_private=True)
    sent = site.headers[-1]
    assert sent["User-Agent"] == "llm-twin/0.1 (+https://example.org)"
    assert "Cookie" not in sent
    assert all("Authorization" not in headers for headers in site.headers)


async def test_what_is_known_is_asked_for_conditionally_also_after_a_redirect(site, time):
    site.pages |= {"/old": replying(301, Location="/new"), "/new": page("New")}
    async with http(time) as pages:
        first = await pages.get(site.url("/old"), allow_private=True)

        async def known(url):
            return first.validators if url == site.url("/new") else Validators()

        second = await pages.get(site.url("/old"), allow_private=True, validators=known)
    assert first.url == second.url == site.url("/new")
    assert second.unchanged
    assert second.body == b""


async def test_a_body_of_an_unwanted_type_is_not_read(site, time):
    sent = []

    async def movie(request):
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        try:
            for _ in range(2000):
                await response.write(b"x" * 65536)
                sent.append(1)
        except ConnectionError:
            pass
        return response

    site.pages["/film"] = movie
    async with http(time, max_bytes=1 << 40) as pages:
        reply = await pages.get(site.url("/film"), allow_private=True, wanted=lambda kind: kind == "text/html")
    assert reply.content_type == "video/mp4"
    assert reply.body == b""
    assert len(sent) < 2000


# robots.txt


async def test_robots_txt_is_asked_for_once_and_honoured(site, time):
    site.pages |= {"/robots.txt": body(b"User-agent: *\nDisallow: /no", "text/plain"), "/yes": page("Yes"), "/no": page("No")}
    async with http(time) as pages:
        await asyncio.gather(*(pages.get(site.url("/yes"), allow_private=True) for _ in range(5)))
        with pytest.raises(RobotsError, match=r"robots.txt of 127.0.0.1:.* does not allow it"):
            await pages.get(site.url("/no/page"), allow_private=True)
    assert site.count("/robots.txt") == 1
    assert site.count("/no/page") == 0


async def test_robots_txt_is_checked_at_each_redirect(site, time):
    site.pages |= {"/robots.txt": body(b"User-agent: *\nDisallow: /no", "text/plain"), "/yes": replying(302, Location="/no")}
    async with http(time) as pages:
        with pytest.raises(RobotsError):
            await pages.get(site.url("/yes"), allow_private=True)
    assert site.count("/no") == 0


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_no_robots_txt_allows_everything(site, time, status):
    site.pages |= {"/robots.txt": replying(status), "/": page("Home")}
    async with http(time) as pages:
        assert (await pages.get(site.url("/"), allow_private=True)).body


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_robots_txt_that_cannot_be_read_keeps_us_away_and_is_no_refusal_for_good(site, time, status):
    site.pages |= {"/robots.txt": replying(status), "/": page("Home")}
    async with http(time) as pages:
        for _ in range(2):
            with pytest.raises(FetchError, match=r"staying away") as caught:
                await pages.get(site.url("/"), allow_private=True)
            assert not isinstance(caught.value, RobotsError)
    assert site.count("/") == 0
    assert site.count("/robots.txt") == 3


async def test_a_robots_txt_of_any_length_is_read_up_to_its_bound(site, time):
    site.pages |= {"/robots.txt": body(b"User-agent: *\nDisallow: /no\n" + b"#" * 5_000_000, "text/plain"), "/": page("Home")}
    async with http(time, max_bytes=1_000_000) as pages:
        await pages.get(site.url("/"), allow_private=True)
        with pytest.raises(RobotsError):
            await pages.get(site.url("/no"), allow_private=True)


async def test_a_redirected_robots_txt_is_followed(site, time):
    site.pages |= {"/robots.txt": replying(301, Location="/rules"), "/rules": body(b"User-agent: *\nDisallow: /", "text/plain")}
    async with http(time) as pages:
        with pytest.raises(RobotsError):
            await pages.get(site.url("/x"), allow_private=True)


async def test_crawl_delay_is_kept_between_requests(site, time):
    site.pages |= {"/robots.txt": body(b"User-agent: *\nCrawl-delay: 7", "text/plain"), "/": page("Home")}
    async with http(time) as pages:
        await asyncio.gather(*(pages.get(site.url("/"), allow_private=True) for _ in range(4)))
    assert time.now == pytest.approx(21, abs=0.01)


async def test_a_crawl_delay_beyond_reason_refuses_the_host_and_says_so(site, time):
    site.pages |= {"/robots.txt": body(b"User-agent: *\nCrawl-delay: 86400", "text/plain"), "/": page("Home")}
    async with http(time) as pages:
        with pytest.raises(BlockedError, match=r"86,400 s between two requests"):
            await pages.get(site.url("/"), allow_private=True)


# pace


async def test_a_host_is_asked_by_no_more_than_per_host_requests_at_a_time(site, time):
    gate = asyncio.Event()

    async def wait(_request):
        await gate.wait()
        return web.Response(text="<p>x", content_type="text/html")

    site.pages |= {f"/{number}": wait for number in range(6)}
    async with http(time, per_host=2, concurrency=8) as pages:
        tasks = [asyncio.create_task(pages.get(site.url(f"/{number}"), allow_private=True)) for number in range(6)]
        while site.active < 2:
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)
    assert site.most_active == 2


async def test_the_pause_between_two_requests_to_a_host_is_kept(site, time):
    site.pages["/"] = page("Home")
    async with http(time, delay=0.5, per_host=4) as pages:
        await asyncio.gather(*(pages.get(site.url("/"), allow_private=True) for _ in range(3)))
    assert time.now == pytest.approx(1.5)  # robots.txt and three pages


async def test_a_host_that_does_not_answer_is_left_alone_after_a_while(time):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    async with http(time) as pages:
        for number in range(5):
            with pytest.raises(FetchError, match=r"robots.txt of .* cannot be read .*cannot be reached"):
                await pages.get(f"{address}/{number}", allow_private=True)
    assert len(time.slept) == 2  # one page's retries, not a page's each


# retries


async def test_a_busy_server_is_asked_again_after_what_it_asks_for(site, time):
    answers = [429, 503, 200]

    async def busy(_request):
        status = answers.pop(0)
        return web.Response(status=status, text="<p>x", headers={"Retry-After": "20"}, content_type="text/html")

    site.pages["/"] = busy
    async with http(time) as pages:
        await pages.get(site.url("/"), allow_private=True)
    assert site.count("/") == 3
    assert 40 <= time.now <= 44


async def test_a_server_that_asks_for_an_hour_is_left_to_the_next_run(site, time):
    site.pages["/"] = replying(503, Retry_After="3600")
    async with http(time) as pages:
        with pytest.raises(FetchError, match=r"503 Service Unavailable; it asks to come again in 3,600 s") as caught:
            await pages.get(site.url("/"), allow_private=True)
    assert caught.value.status == 503
    assert site.count("/") == 1


async def test_a_connection_that_breaks_is_tried_again(site, time):
    async def cut(request):
        if site.count("/") < 3:
            request.transport.abort()
        return web.Response(text="<p>here", content_type="text/html")

    site.pages["/"] = cut
    async with http(time) as pages:
        assert b"here" in (await pages.get(site.url("/"), allow_private=True)).body


async def test_what_will_not_pass_is_not_tried_again(site, time):
    site.pages["/"] = replying(400)
    async with http(time) as pages:
        with pytest.raises(FetchError, match=r"400 Bad Request"):
            await pages.get(site.url("/"), allow_private=True)
        with pytest.raises(FetchError, match=r"there is no host no-such-host.invalid"):
            await pages.get("http://no-such-host.invalid/", allow_private=True)
    assert site.count("/") == 1


# bounds


async def test_redirects_are_bounded_and_a_loop_is_named(site, time):
    site.pages |= {"/a": replying(302, Location="/b"), "/b": replying(302, Location="/a")}
    site.pages |= {f"/{number}": replying(302, Location=f"/{number + 1}") for number in range(20)}
    async with http(time) as pages:
        with pytest.raises(LimitError, match=r"redirects in a loop, back to .*/a"):
            await pages.get(site.url("/a"), allow_private=True)
        with pytest.raises(LimitError, match=r"more than 5 redirects"):
            await pages.get(site.url("/0"), allow_private=True)
    assert site.count("/6") == 0


@pytest.mark.parametrize("target", ["ftp://example.org/x", "file:///etc/passwd", "javascript:alert(1)", "gopher://x/"])
async def test_a_redirect_to_anything_but_http_is_refused(site, time, target):
    site.pages["/"] = replying(302, Location=target)
    async with http(time) as pages:
        with pytest.raises(FetchError, match=r"which is no http\(s\) URL"):
            await pages.get(site.url("/"), allow_private=True)


async def test_a_page_of_50_mb_stops_at_the_bound(site, time):
    sent = []

    async def endless(request):
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        try:
            for _ in range(800):
                await response.write(b"x" * 65536)
                sent.append(1)
        except ConnectionError:
            pass
        return response

    site.pages |= {"/streamed": endless, "/declared": replying(200, Content_Length="52428800", Content_Type="text/html")}
    async with http(time, max_bytes=2_000_000) as pages:
        with pytest.raises(LimitError, match=r"larger than 2,000,000 bytes"):
            await pages.get(site.url("/streamed"), allow_private=True)
    assert len(sent) < 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_decompression_bomb_stops_early_and_is_never_held(site, time, encoding):
    compress = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(compress.compress(bytes(1 << 20)) for _ in range(300)) + compress.flush()
    site.pages["/"] = body(bomb, Content_Encoding=encoding)
    async with http(time, max_bytes=1 << 30) as pages:
        tracemalloc.start()
        with pytest.raises(LimitError, match=r"decompression bomb"):
            await pages.get(site.url("/"), allow_private=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20 << 20


async def test_compressed_pages_of_every_asked_encoding_are_read(site, time):
    text = page("Compressed").encode()
    raw = zlib.compressobj(wbits=-15)
    site.pages |= {
        "/gzip": body(gzip.compress(text), Content_Encoding="gzip"),
        "/members": body(gzip.compress(text[:99]) + gzip.compress(text[99:]), Content_Encoding="GZIP"),
        "/deflate": body(zlib.compress(text), Content_Encoding="deflate"),
        "/raw": body(raw.compress(text) + raw.flush(), Content_Encoding="deflate"),
        "/identity": body(text, Content_Encoding="identity"),
    }
    async with http(time) as pages:
        for path in site.pages:
            assert (await pages.get(site.url(path), allow_private=True)).body == text, path


async def test_a_broken_or_unasked_encoding_is_a_failure(site, time):
    whole = gzip.compress(page("x").encode())
    site.pages |= {"/cut": body(whole[:-30], Content_Encoding="gzip"), "/junk": body(b"not gzip", Content_Encoding="gzip")}
    site.pages["/br"] = body(b"\x0b\x02\x80hello\x03", Content_Encoding="br")
    async with http(time) as pages:
        for path, reason in (("/cut", "ends early"), ("/junk", "is broken"), ("/br", "'br', which was not asked for")):
            with pytest.raises(FetchError, match=reason):
                await pages.get(site.url(path), allow_private=True)


async def test_a_server_that_dribbles_is_left_after_the_timeout(site, time):
    async def dribble(request):
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x")
            await asyncio.sleep(0.01)
        return response

    site.pages["/"] = dribble
    async with http(time, timeout=0.2, attempts=2) as pages:
        with pytest.raises(LimitError, match=r"not read within 0.2 s"):
            await pages.get(site.url("/"), allow_private=True)
    assert site.count("/") == 2


async def test_a_server_that_never_answers_is_left_after_the_timeout(time):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with http(time, timeout=0.2, attempts=1) as pages:
        with pytest.raises(FetchError, match=r"robots.txt of 127.0.0.1:.* cannot be read"):
            await pages.get(f"http://127.0.0.1:{port}/", allow_private=True)
    server.close()


async def test_garbage_in_place_of_http_is_a_failure_with_words(time):
    async def garbage(reader, writer):
        await reader.readline()
        writer.write(b"\x00\xff SSH-2.0-OpenSSH\r\n\r\n" * 10)
        writer.close()

    server = await asyncio.start_server(garbage, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with http(time, attempts=1) as pages:
        with pytest.raises(FetchError):
            await pages.get(f"http://127.0.0.1:{port}/", allow_private=True)
    server.close()


# where it never connects


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1",
     "169.254.169.254", "192.168.1.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
async def test_a_private_address_is_refused_in_every_spelling(site, time, host):
    site.pages["/"] = page("Secret")
    async with http(time) as pages:
        with pytest.raises(FetchError) as caught:
            await pages.get(f"http://{host}:{site.server.port}/")
    assert not isinstance(caught.value, RobotsError)
    assert not caught.value.retryable
    assert site.asked == []


async def test_a_refused_address_says_how_to_allow_it(site, time):
    async with http(time) as pages:
        with pytest.raises(BlockedError, match=r"is a private, loopback.* say `allow_private: true`"):
            await pages.get(site.url("/"))


async def test_a_name_that_resolves_to_a_private_address_is_refused(site, time):
    async with http(time, resolver=Names("127.0.0.1")) as pages:
        with pytest.raises(BlockedError):
            await pages.get(f"http://blog.example:{site.server.port}/")
    assert site.asked == []


async def test_one_private_address_among_public_ones_is_never_connected_to(site, time, monkeypatch):
    made = []
    real = guarded_socket(allow_private=False)

    def watched(info):
        made.append(info[4][0])
        if info[4][0] == "203.0.114.7":
            raise ConnectionRefusedError(111, "refused")  # a public address that nobody answers at
        return real(info)

    monkeypatch.setattr("twin.drivers.http.exchange.guarded_socket", lambda **_: watched)
    async with http(time, resolver=Names("203.0.114.7,127.0.0.1"), attempts=1) as pages:
        with pytest.raises(BlockedError):
            await pages.get(f"http://blog.example:{site.server.port}/")
    assert set(made) == {"203.0.114.7", "127.0.0.1"}
    assert site.asked == []


async def test_dns_that_changes_between_two_looks_cannot_win(site, time):
    names = Names("203.0.114.7", "127.0.0.1")
    await names.resolve("blog.example")  # a check that looked first would have seen a public address
    async with http(time, resolver=names) as pages:
        with pytest.raises(BlockedError):
            await pages.get(f"http://blog.example:{site.server.port}/")
    assert site.asked == []


async def test_a_redirect_from_an_allowed_source_to_the_metadata_service_is_refused(site, time):
    site.pages |= {"/": replying(302, Location="http://169.254.169.254/latest/meta-data/")}
    async with http(time) as pages:
        with pytest.raises(BlockedError, match=r"169.254.169.254"):
            await pages.get(site.url("/"), allow_private=True)


async def test_a_redirect_to_a_private_address_is_refused(site, time, monkeypatch):
    """The first server stands on loopback, so the guard takes its address, and only that, for a public one."""
    inner = Site()
    inner.pages["/"] = page("Secret")
    await inner.server.start_server(host="127.0.0.2")
    real = guarded_socket(allow_private=False)

    def outer_is_public(info):
        family, kind, protocol, _, peer = info
        return socket.socket(family, kind, protocol) if peer[0] == "127.0.0.1" else real(info)

    monkeypatch.setattr("twin.drivers.http.exchange.guarded_socket", lambda **_: outer_is_public)
    site.pages["/"] = replying(302, Location=f"http://127.0.0.2:{inner.server.port}/")
    async with http(time) as pages:
        with pytest.raises(BlockedError, match=r"127.0.0.2"):
            await pages.get(site.url("/"))
    await inner.server.close()
    assert site.count("/") == 1
    assert inner.asked == []


async def test_a_connection_made_for_a_private_source_is_not_lent_to_another(site, time):
    site.pages["/"] = page("Mine")
    async with http(time) as pages:
        await pages.get(site.url("/"), allow_private=True)
        with pytest.raises(BlockedError):
            await pages.get(site.url("/"), allow_private=False)


async def test_a_proxy_of_the_environment_is_not_used(site, time, monkeypatch):
    site.pages["/"] = page("Direct")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    async with http(time) as pages:
        assert b"Direct" in (await pages.get(site.url("/"), allow_private=True)).body


def test_a_socket_to_a_private_address_is_not_made():
    with pytest.raises(RefusedAddressError):
        guarded_socket(allow_private=False)((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))


async def test_a_cancelled_request_gives_its_place_back(site, time):
    started = asyncio.Event()

    async def hang(_request):
        started.set()
        await asyncio.Event().wait()

    site.pages |= {"/hang": hang, "/": page("Home")}
    async with http(time, per_host=1, concurrency=1) as pages:
        task = asyncio.create_task(pages.get(site.url("/hang"), allow_private=True))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pages.get(site.url("/"), allow_private=True)).body


async def test_a_certificate_that_nobody_signed_is_refused_and_not_tried_again(time, tmp_path):
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    made = await asyncio.create_subprocess_exec(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        *subject,
        *files,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    connections = []

    async def serve(reader, writer):
        connections.append(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with http(time) as pages:
        with pytest.raises(FetchError, match=r"its certificate or TLS is not valid"):
            await pages.get(f"https://127.0.0.1:{port}/", allow_private=True)
    server.close()
    assert time.slept == []


async def test_headers_without_end_are_a_failure(time):
    async def endless(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            for number in range(200_000):
                writer.write(b"X-%d: %s\r\n" % (number, b"a" * 1000))
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with http(time, attempts=1, timeout=3) as pages:
        with pytest.raises(FetchError):
            await pages.get(f"http://127.0.0.1:{port}/", allow_private=True)
    server.close()
