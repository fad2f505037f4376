#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds docs/aiohttp.md, every name of aiohttp's beside ours, to the headers.

    aiohttp_test.py                checks
    aiohttp_test.py --write        writes the last part of it, and makes docs/aiohttp.html of it all
    aiohttp_test.py --self-test    proves that it can fail

Every name in NAMES has one row; its second column has names of the headers, "coming", or "none", and then the third says why. Every
public function of the headers in OURS stands somewhere on the page: those that no row has are in its last part, with the first
sentence of their manual. docs/aiohttp.html is made of it.
"""
import os
import re
import sys

import python_test
from python_test import ROOT, ROW, read

sys.path.insert(0, os.path.join(ROOT, "tools"))
import manpages  # noqa: E402

GUIDE = os.path.join(ROOT, "docs", "aiohttp.md")
PAGE = os.path.join(ROOT, "docs", "aiohttp.html")
LAST = "## What aiohttp has no word for\n"
FOOT = ('<footer>\n<a rel="prev" href="python.html">← Every name</a>\n<a rel="next" href="errors.html">Errors →</a>\n</footer>\n'
        '</main>\n</body>\n</html>\n')

# The headers whose every function stands on the page.
OURS = """web_application web_event_source web_exceptions web_file web_form web_request web_response web_runner web_server
    web_websocket web_workers websocket cookie_jar digest_auth fingerprint form headers html json multi_dict multipart payload test_utils
    client client_request client_response client_timeout client_websocket connector tracing url limits""".split()

# aiohttp.web.__all__ of 3.13 by its parts, and the members of its classes.
NAMES = """
    AppKey Application NotAppKeyWarning FileResponse AccessLogger GracefulExit FileField RequestPayloadError PayloadAccessError
    ContentCoding Response StreamResponse json_response RouteDef RouteTableDef StaticDef delete get head options patch post put route
    static view AppRunner BaseRunner BaseSite NamedPipeSite ServerRunner SockSite TCPSite UnixSite Server View WebSocketReady
    WebSocketResponse WSMsgType WSMessage WSCloseCode run_app middleware normalize_path_middleware UrlMappingMatchInfo RequestHandler Request
    HTTPException HTTPError HTTPRedirection HTTPSuccessful HTTPClientError HTTPServerError HTTPMove
    HTTPOk HTTPCreated HTTPAccepted HTTPNonAuthoritativeInformation HTTPNoContent HTTPResetContent HTTPPartialContent
    HTTPMultipleChoices HTTPMovedPermanently HTTPFound HTTPSeeOther HTTPNotModified HTTPUseProxy HTTPTemporaryRedirect
    HTTPPermanentRedirect HTTPBadRequest HTTPUnauthorized HTTPPaymentRequired HTTPForbidden HTTPNotFound HTTPMethodNotAllowed
    HTTPNotAcceptable HTTPProxyAuthenticationRequired HTTPRequestTimeout HTTPConflict HTTPGone HTTPLengthRequired
    HTTPPreconditionFailed HTTPRequestEntityTooLarge HTTPRequestURITooLong HTTPUnsupportedMediaType
    HTTPRequestRangeNotSatisfiable HTTPExpectationFailed HTTPMisdirectedRequest HTTPUnprocessableEntity HTTPFailedDependency
    HTTPUpgradeRequired HTTPPreconditionRequired HTTPTooManyRequests HTTPRequestHeaderFieldsTooLarge
    HTTPUnavailableForLegalReasons HTTPInternalServerError HTTPNotImplemented HTTPBadGateway HTTPServiceUnavailable
    HTTPGatewayTimeout HTTPVersionNotSupported HTTPVariantAlsoNegotiates HTTPInsufficientStorage HTTPNotExtended
    HTTPNetworkAuthenticationRequired
    MultipartReader BodyPartReader MultipartWriter FormData Payload BytesPayload StringPayload IOBasePayload
    BufferedReaderPayload StreamReaderPayload AsyncIterablePayload JsonPayload ETag TestServer RawTestServer TestClient
    make_mocked_request unused_port AioHTTPTestCase
""".split()
# aiohttp.__all__ of 3.13, what is not said above; and yarl's URL.
NAMES += """
    ClientSession request ClientTimeout ClientWSTimeout ClientRequest RequestInfo ClientHandlerType
    ClientMiddlewareType DigestAuthMiddleware BasicAuth ClientResponse StreamReader EofStream BaseConnector TCPConnector
    UnixConnector NamedPipeConnector AbstractResolver ThreadedResolver AsyncResolver DefaultResolver ResolveResult
    AddrInfoType SocketFactoryType Fingerprint AbstractCookieJar CookieJar DummyCookieJar TraceConfig
    TraceRequestStartParams TraceRequestEndParams TraceRequestExceptionParams TraceRequestRedirectParams
    TraceRequestChunkSentParams TraceRequestHeadersSentParams TraceResponseChunkReceivedParams
    TraceConnectionQueuedStartParams TraceConnectionQueuedEndParams TraceConnectionCreateStartParams
    TraceConnectionCreateEndParams TraceConnectionReuseconnParams TraceDnsCacheHitParams TraceDnsCacheMissParams
    TraceDnsResolveHostStartParams TraceDnsResolveHostEndParams ClientWebSocketResponse WSServerHandshakeError
    WSMessageTypeError WebSocketError ClientError ClientConnectionError ClientConnectionResetError ClientOSError
    ClientConnectorError ClientConnectorDNSError ClientConnectorSSLError ClientConnectorCertificateError ClientSSLError
    ServerFingerprintMismatch ClientProxyConnectionError ClientHttpProxyError UnixClientConnectorError
    ServerConnectionError ServerDisconnectedError ServerTimeoutError ConnectionTimeoutError SocketTimeoutError
    ClientResponseError ClientPayloadError ContentTypeError TooManyRedirects InvalidURL InvalidUrlClientError
    NonHttpUrlClientError RedirectClientError InvalidUrlRedirectClientError NonHttpUrlRedirectClientError ChainMapProxy
    set_zlib_backend streamer URL
""".split()
MEMBERS = {
    "Application": """router on_startup on_shutdown on_cleanup on_response_prepare cleanup_ctx middlewares add_routes add_subapp
        add_domain frozen""",
    "UrlDispatcher": """add_route add_get add_head add_post add_put add_patch add_delete add_options add_view add_static add_resource
        resources routes named_resources resolve""",
    "Request": """version method url rel_url scheme secure forwarded host remote client_max_size path_qs path raw_path query
        query_string headers raw_headers keep_alive transport get_extra_info protocol loop task cookies content body_exists
        can_read_body content_type charset content_length http_range if_match if_none_match if_modified_since if_unmodified_since
        if_range clone read text json post multipart release match_info app config_dict""",
    "StreamResponse": """prepared task status reason set_status keep_alive force_close compression enable_compression chunked
        enable_chunked_encoding headers cookies set_cookie del_cookie content_length content_type charset last_modified etag
        body_length prepare write write_eof""",
    "Response": "body text",
    "WebSocketResponse": """can_prepare prepare closed close_code ws_protocol compress exception get_extra_info ping pong send_str
        send_bytes send_json send_frame close receive receive_str receive_bytes receive_json""",
    "BaseRunner": "setup cleanup shutdown server sites addresses",
    "BaseSite": "name start stop",
    "Server": "connections requests_count pre_shutdown shutdown",
    "MultipartReader": "next release at_eof",
    "BodyPartReader": "headers name filename read read_chunk readline release text json form at_eof decode get_charset",
    "MultipartWriter": "append append_json append_form append_payload boundary size write",
    "FormData": "add_field add_fields is_multipart",
    "Payload": "size content_type write",
    "ClientSession": """request get head options post put patch delete ws_connect close closed connector
        cookie_jar headers auth timeout raise_for_status auto_decompress trust_env trace_configs json_serialize
        connector_owner skip_auto_headers requote_redirect_url version loop detach""",
    "ClientRequest": "method url headers session body update_body",
    "ClientTimeout": "total connect sock_connect sock_read ceil_threshold",
    "BasicAuth": "encode decode from_url",
    "ClientResponse": """version status reason ok method url real_url host connection content cookies headers
        raw_headers links content_type charset content_length content_disposition history request_info output_size
        upload_complete close closed release raise_for_status read text json get_encoding""",
    "StreamReader": """read readany readexactly readline readuntil iter_any iter_chunked iter_chunks readchunk
        read_nowait at_eof is_eof wait_eof total_bytes""",
    "BaseConnector": "close closed limit limit_per_host force_close connect",
    "TCPConnector": "family cached_hosts clear_dns_cache use_dns_cache",
    "UnixConnector": "path",
    "Fingerprint": "check",
    "CookieJar": "update_cookies update_cookies_from_headers filter_cookies clear clear_domain save load",
    "TraceConfig": """trace_config_ctx freeze on_request_start on_request_end on_request_exception
        on_request_redirect on_request_chunk_sent on_request_headers_sent on_response_chunk_received
        on_connection_queued_start on_connection_queued_end on_connection_create_start on_connection_create_end
        on_connection_reuseconn on_dns_cache_hit on_dns_cache_miss on_dns_resolvehost_start on_dns_resolvehost_end""",
    "URL": """build scheme raw_user user raw_password password raw_host host host_subcomponent
        host_port_subcomponent port explicit_port raw_path path path_safe raw_query_string query_string raw_path_qs
        path_qs raw_fragment fragment raw_parts parts parent raw_name name raw_suffix suffix suffixes raw_suffixes query
        authority raw_authority absolute is_absolute is_default_port origin relative join joinpath with_scheme with_user
        with_password with_host with_port with_path with_query extend_query update_query without_query_params
        with_fragment with_name with_suffix human_repr""",
}


def known():
    return NAMES + [f"{cls}.{m}" for cls, members in MEMBERS.items() for m in members.split()]


def declared():
    """The public functions and macros of OURS, by name, with the first sentence of their manual."""
    wanted = {name + ".h" for name in OURS}
    return {name: page.summary() for header in manpages.headers() if header.library == "aiohttp" and header.name in wanted
            for name, page in header.pages.items() if name.startswith("aiohttp_")}


def header_words():
    """All words of both libraries' headers, and the codes of their tables as "X CODE"."""
    folder = os.path.join(ROOT, "include", "aiohttp")
    text = "\n".join(read(os.path.join(folder, n)) for n in sorted(os.listdir(folder))) + python_test.header_text()
    return set(re.findall(r"\w+", text)) | {"X " + code for code in re.findall(r"X\((\w+), ", text)}


def last_part(text, names):
    """What no row above speaks of."""
    rows = text.partition(LAST)[0]
    said = set(re.findall(r"\baiohttp_\w+", rows))
    out = [LAST, "`_ref` and `_unref` count references, `_new` makes, `_next` goes through what Python iterates over. Beside these:", ""]
    for name, summary in sorted(names.items()):
        if name not in said and not name.endswith(("_ref", "_unref")):
            out.append(f"- `{name}`: {summary}")
    return "\n".join(out) + "\n"


def rewritten(text, names):
    return text.partition(LAST)[0].rstrip() + "\n\n" + last_part(text, names)


def page(text):
    made = python_test.page(text.replace("tests/house/aiohttp_test.py checks", "tests/house/python_test.py checks"))
    made = made.replace('href="python.html" aria-current="page"', 'href="python.html"')
    made = made.replace('href="aiohttp.html"', 'href="aiohttp.html" aria-current="page"')
    made = re.sub(r"<title>.*</title>", "<title>Every name of aiohttp's – libaiohttp</title>", made)
    made = made.replace("<!-- Made of python.md by tests/house/python_test.py --write. -->",
                        "<!-- Made of aiohttp.md by tests/house/aiohttp_test.py --write. -->")
    made = made.replace("<tr><th>Python</th>", "<tr><th>aiohttp</th>")
    return made[:made.rindex("<footer>")] + FOOT


def check(text, source, names):
    """What is wrong, in sentences."""
    rows = ROW.findall(text)
    listed = [python for python, _, _ in rows]
    yield from (f"`{n}` has {listed.count(n)} rows" for n in sorted(set(listed)) if listed.count(n) > 1)
    yield from (f"`{n}` of aiohttp has no row" for n in known() if n not in listed)
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| aiohttp |")]
    yield from (f"not a row: {line}" for line in lines if not ROW.match(line))
    for python, ours, why in rows:
        if ours == "none":
            if not why.strip():
                yield f"`{python}` has no counterpart, and no reason"
        elif ours != "coming" and not re.fullmatch(r"`\w+`(, `\w+`)*", ours):
            yield f"`{python}`: {ours}: is neither names, nor coming, nor none"
    for name in sorted(set(re.findall(r"\b(?:a(?:ioht|synci)\w*_[a-z]\w*\b(?!\.py)|A(?:IOHTTP|SYNCIO)_[A-Z]\w*)", text))):
        if name not in source and "X " + name.partition("_")[2] not in source:
            yield f"{name}: no header has it"
    if LAST not in text or text.partition(LAST)[1:] != last_part(text, names).partition(LAST)[1:]:
        yield "docs/aiohttp.md: its last part is not that of the headers: run tests/house/aiohttp_test.py --write"


def self_test(text):
    source, names = header_words(), declared()
    base = set(check(text, source, names))

    def wrong(changed, functions=names):
        return [w for w in check(changed, source, functions) if w not in base]

    row = next(line + "\n" for line in text.splitlines() if line.startswith("| `Request.read` |"))
    assert wrong(text.replace(row, "", 1)), "a row that is missing"
    assert wrong(text.replace(row, row + row, 1)), "a row that is there twice"
    assert wrong(text.replace(row, "| `Request.read` | none |  |\n", 1)), "no reason"
    assert wrong(text.replace(row, "| `Request.read` | soon |  |\n", 1)), "neither name nor word"
    assert wrong(text.replace(row, row.replace("_read`", "_reads`"), 1)), "a name that no header has"
    assert wrong(text, {**names, "aiohttp_web_brand_new": "New"}), "a function that is not on the page"
    assert len(names) > 150, "the headers were not read"
    print("aiohttp: the checks can fail")
    return 0


def main(words):
    text, names = read(GUIDE), declared()
    if words == ["--self-test"]:
        return self_test(text)
    if words == ["--write"]:
        text = rewritten(text, names)
        for path, content in ((GUIDE, text), (PAGE, page(text))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
    wrong = list(check(text, header_words(), names))
    if not os.path.exists(PAGE) or read(PAGE) != page(text):
        wrong.append("docs/aiohttp.html is not made of this docs/aiohttp.md: run tests/house/aiohttp_test.py --write")
    print("\n".join(wrong))
    ours = [o for _, o, _ in ROW.findall(text)]
    print(f"aiohttp: {len(ours)} names, {ours.count('coming')} coming, {ours.count('none')} without a counterpart; "
          f"{len(names)} functions of the headers")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
