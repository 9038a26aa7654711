"""Requests one behind the other: the origin gets each of them once, in order, and no other."""

from conform.table import (CLOSED, GOT_LAST_OK, GOT_OK, KEPT, OK, Answer, Case, HalfClose, Wait, forwarded, passes, pieces, refusal,
                           relayed, request, response)

RFC = "RFC 9112 9.3.2"
SMUGGLE = "RFC 9112 11.2"
CHUNKED = "Transfer-Encoding: chunked"


def get(n):
    return request(f"GET /{n} HTTP/1.1")


def got(n):
    return forwarded(f"GET /{n} HTTP/1.1")


def post(n, body=b"hello"):
    return request(f"POST /{n} HTTP/1.1", f"Content-Length: {len(body)}", body=body)


def posted(n, body=b"hello"):
    return forwarded(f"POST /{n} HTTP/1.1", framing=(f"Content-Length: {len(body)}",), body=body)


def chunks(n, body=b"5\r\nhello\r\n0\r\n\r\n"):
    return request(f"PUT /{n} HTTP/1.1", CHUNKED, body=body)


def chunked(n, body=b"5\r\nhello\r\n0\r\n\r\n"):
    return forwarded(f"PUT /{n} HTTP/1.1", framing=(CHUNKED,), body=body)


INNER = request("GET /inner HTTP/1.1")
CASES = [
    passes("pipeline-two", RFC, get(1) + get(2), got(1), got(2), lane=KEPT),
    passes("pipeline-ten", RFC, b"".join(map(get, range(10))), *map(got, range(10)), lane=KEPT),
    passes("pipeline-in-two-writes", RFC, (get(1) + get(2)[:9], get(2)[9:]), got(1), got(2)),
    passes("pipeline-byte-by-byte", RFC, pieces(get(1) + get(2)), got(1), got(2)),
    passes("pipeline-bodies", RFC, post(1) + post(2) + get(3), posted(1), posted(2), got(3)),
    passes("pipeline-chunks", RFC, chunks(1) + chunks(2) + get(3), chunked(1), chunked(2), got(3)),
    passes("pipeline-mixed", RFC, get(1) + post(2) + chunks(3) + post(4, b"") + get(5), got(1), posted(2), chunked(3),
           posted(4, b""), got(5)),
    passes("pipeline-split-in-a-body", RFC, (get(1) + post(2)[:-3], post(2)[-3:] + get(3)), got(1), posted(2), got(3)),
    passes("pipeline-of-seven-bytes-a-write", RFC, pieces(post(1) + chunks(2) + get(3), 7), posted(1), chunked(2), got(3)),
    passes("pipeline-then-end", RFC, (get(1) + get(2), HalfClose), got(1), got(2), got=(GOT_OK, GOT_OK), end=CLOSED),
    passes("pipeline-close-in-the-last", "RFC 9112 9.6", get(1) + request("GET /2 HTTP/1.1", "Connection: close"), got(1), got(2),
           end=CLOSED),
    passes("pipeline-nothing-behind-close", "RFC 9112 9.6", request("GET /1 HTTP/1.1", "Connection: close") + get(2), got(1),
           end=CLOSED),
    passes("pipeline-nothing-behind-http-1.0", "RFC 9112 9.3", request("GET /1 HTTP/1.0") + get(2),
           forwarded("GET /1 HTTP/1.1", via="1.0 weldr"), end=CLOSED),
    Case("pipeline-head-then-get", RFC, (request("HEAD /1 HTTP/1.1") + get(2),), (forwarded("HEAD /1 HTTP/1.1"), got(2)),
         (relayed(body=b""), GOT_OK), answers=(Answer((response("Content-Length: 2"),)), Answer((OK,)))),
    Case("pipeline-after-204", RFC, (get(1) + get(2),), (got(1), got(2)),
         (relayed(status="HTTP/1.1 204 No Content", framing=(), body=b""), GOT_OK),
         answers=(Answer((response(status="HTTP/1.1 204 No Content"),)),)),
    Case("pipeline-after-an-answer-that-closes", RFC, (get(1) + get(2),), (got(1), got(2)), (GOT_OK, GOT_OK),
         answers=(Answer((response("Connection: close", "Content-Length: 2", body=b"ok"),)),)),
    Case("pipeline-after-a-bad-answer", RFC, (get(1) + get(2),), (got(1), got(2)),
         (refusal(502, "origin_bad_answer", close=False), GOT_OK), answers=(Answer((b"nonsense\r\n\r\n",)),)),
    Case("pipeline-good-then-bad", RFC, (get(1) + b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + get(3),), (got(1),),
         (GOT_OK, refusal()), end=CLOSED),
    Case("pipeline-good-then-both-lengths", SMUGGLE,
         (get(1) + request("POST /2 HTTP/1.1", CHUNKED, "Content-Length: 5", body=b"0\r\n\r\n") + get(3),), (got(1),),
         (GOT_OK, refusal()), end=CLOSED),
    Case("pipeline-good-then-http-2", RFC, (get(1) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), (got(1),), (GOT_OK, refusal(505)),
         end=CLOSED),
    Case("pipeline-next-after-the-answer", RFC, (get(1), Wait(b"\r\n\r\nok"), get(2)), (got(1), got(2)), (GOT_OK, GOT_OK),
         lane=KEPT),
    passes("smuggled-in-a-length-body", SMUGGLE, post(1, INNER) + get(2), posted(1, INNER), got(2)),
    passes("smuggled-in-a-chunk", SMUGGLE, chunks(1, b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)) + get(2),
           chunked(1, b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)), got(2)),
    passes("smuggled-in-an-extension", SMUGGLE, chunks(1, b'5;a="GET /inner HTTP/1.1"\r\nhello\r\n0\r\n\r\n') + get(2), chunked(1),
           got(2)),
    passes("smuggled-in-a-get-body", SMUGGLE, request("GET /1 HTTP/1.1", f"Content-Length: {len(INNER)}", body=INNER) + get(2),
           forwarded("GET /1 HTTP/1.1", framing=(f"Content-Length: {len(INNER)}",), body=INNER), got(2)),
    passes("smuggled-in-a-field", SMUGGLE, request("GET /1 HTTP/1.1", "X-A: GET /inner HTTP/1.1") + get(2),
           forwarded("GET /1 HTTP/1.1", "X-A: GET /inner HTTP/1.1"), got(2)),
    passes("body-of-end-marks", SMUGGLE, post(1, b"0\r\n\r\n0\r\n\r\n") + get(2), posted(1, b"0\r\n\r\n0\r\n\r\n"), got(2)),
    passes("no-length-no-body", "RFC 9112 6.3", request("POST /1 HTTP/1.1") + get(2), forwarded("POST /1 HTTP/1.1"), got(2)),
    passes("length-0-then-next", SMUGGLE, post(1, b"") + INNER, posted(1, b""), got("inner")),
    Case("no-length-then-a-body", "RFC 9112 6.3", (request("POST /1 HTTP/1.1") + b"x=y\r\n\r\n" + get(2),),
         (forwarded("POST /1 HTTP/1.1"),), (GOT_OK, refusal()), end=CLOSED),
    Case("length-too-short-for-the-body", SMUGGLE, (request("POST /1 HTTP/1.1", "Content-Length: 2", body=b"ab\0cd") + get(2),),
         (posted(1, b"ab"),), (GOT_OK, refusal()), end=CLOSED),
]
