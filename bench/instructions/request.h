/* request.h: the request that is parsed, as a browser sends it to a server behind a proxy. */
#ifndef BENCH_INSTRUCTIONS_REQUEST_H
#define BENCH_INSTRUCTIONS_REQUEST_H

static const char request[] =
    "GET /api/v1/measurements?sensor=17&from=2026-01-01 HTTP/1.1\r\n"
    "Host: sensors.example.org\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cache-Control: max-age=0\r\n"
    "Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c; theme=dark\r\n"
    "Referer: https://sensors.example.org/dashboard\r\n"
    "X-Forwarded-For: 203.0.113.7\r\n"
    "X-Request-Id: 3f1c2c1e-7c55-4c0f-9d0f\r\n"
    "\r\n";

#endif
