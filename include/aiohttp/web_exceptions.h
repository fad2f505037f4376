/* SPDX-License-Identifier: MIT */
/* HTTP statuses as errors: aiohttp.web's HTTPException and its family.
 *
 *     if (!user)
 *         return aiohttp_web_http_not_found(request, .text = "no such user\n");
 *
 * MODEL      Each call sets the request's answer and returns its code, -(AIOHTTP_HTTP + status),
 *            which travels up through the middlewares as Python's exception does. An answer that
 *            was set before is replaced; headers and cookies that were set stay. A middleware that
 *            swallows the code (returns 0) still sends the answer.
 * TEXT       Without `.text` it is "404: Not Found", and for a browser (Accept prefers text/html)
 *            a page that says so.
 * ERRORS     -ENOMEM: the answer could not be set. After prepare the answer stays as it was, and
 *            the code is returned all the same.
 * SOURCE     aiohttp's web_exceptions.py. */
#pragma once

#include <aiohttp/error.h>
#include <aiohttp/web_request.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_http_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_http_options));
    const char *reason ASYNCIO__0;          /* NULL: the usual one */
    const char *text ASYNCIO__0;            /* the body; NULL: status and reason */
    const char *content_type ASYNCIO__0;    /* NULL: "text/plain; charset=utf-8" */
    const char *const *headers ASYNCIO__0;  /* name, value, name, value, ..., NULL */
} aiohttp_web_http_options;

/* Each sets the answer and returns -(AIOHTTP_HTTP + status). Those that take a place to go to, a
 * URL, make it the Location header: -EINVAL for NULL and for control characters. None suspends. */

/* 200. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_ok(aiohttp_web_request *request,
                    const aiohttp_web_http_options *options);
/* 201. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_created(aiohttp_web_request *request,
                         const aiohttp_web_http_options *options);
/* 202. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_accepted(aiohttp_web_request *request,
                          const aiohttp_web_http_options *options);
/* 203. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_non_authoritative_information(aiohttp_web_request *request,
                                               const aiohttp_web_http_options *options);
/* 204. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_no_content(aiohttp_web_request *request,
                            const aiohttp_web_http_options *options);
/* 205. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_reset_content(aiohttp_web_request *request,
                               const aiohttp_web_http_options *options);
/* 206. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_partial_content(aiohttp_web_request *request,
                                 const aiohttp_web_http_options *options);
/* 304. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_not_modified(aiohttp_web_request *request,
                              const aiohttp_web_http_options *options);
/* 400. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_bad_request(aiohttp_web_request *request,
                             const aiohttp_web_http_options *options);
/* 401. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_unauthorized(aiohttp_web_request *request,
                              const aiohttp_web_http_options *options);
/* 402. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_payment_required(aiohttp_web_request *request,
                                  const aiohttp_web_http_options *options);
/* 403. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_forbidden(aiohttp_web_request *request,
                           const aiohttp_web_http_options *options);
/* 404. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_not_found(aiohttp_web_request *request,
                           const aiohttp_web_http_options *options);
/* 406. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_not_acceptable(aiohttp_web_request *request,
                                const aiohttp_web_http_options *options);
/* 407. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_proxy_authentication_required(aiohttp_web_request *request,
                                               const aiohttp_web_http_options *options);
/* 408. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_request_timeout(aiohttp_web_request *request,
                                 const aiohttp_web_http_options *options);
/* 409. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_conflict(aiohttp_web_request *request,
                          const aiohttp_web_http_options *options);
/* 410. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_gone(aiohttp_web_request *request,
                      const aiohttp_web_http_options *options);
/* 411. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_length_required(aiohttp_web_request *request,
                                 const aiohttp_web_http_options *options);
/* 412. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_precondition_failed(aiohttp_web_request *request,
                                     const aiohttp_web_http_options *options);
/* 414. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_request_uri_too_long(aiohttp_web_request *request,
                                      const aiohttp_web_http_options *options);
/* 415. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_unsupported_media_type(aiohttp_web_request *request,
                                        const aiohttp_web_http_options *options);
/* 416. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_request_range_not_satisfiable(aiohttp_web_request *request,
                                               const aiohttp_web_http_options *options);
/* 417. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_expectation_failed(aiohttp_web_request *request,
                                    const aiohttp_web_http_options *options);
/* 421. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_misdirected_request(aiohttp_web_request *request,
                                     const aiohttp_web_http_options *options);
/* 422. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_unprocessable_entity(aiohttp_web_request *request,
                                      const aiohttp_web_http_options *options);
/* 424. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_failed_dependency(aiohttp_web_request *request,
                                   const aiohttp_web_http_options *options);
/* 426. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_upgrade_required(aiohttp_web_request *request,
                                  const aiohttp_web_http_options *options);
/* 428. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_precondition_required(aiohttp_web_request *request,
                                       const aiohttp_web_http_options *options);
/* 429. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_too_many_requests(aiohttp_web_request *request,
                                   const aiohttp_web_http_options *options);
/* 431. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_request_header_fields_too_large(aiohttp_web_request *request,
                                                 const aiohttp_web_http_options *options);
/* 500. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_internal_server_error(aiohttp_web_request *request,
                                       const aiohttp_web_http_options *options);
/* 501. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_not_implemented(aiohttp_web_request *request,
                                 const aiohttp_web_http_options *options);
/* 502. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_bad_gateway(aiohttp_web_request *request,
                             const aiohttp_web_http_options *options);
/* 503. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_service_unavailable(aiohttp_web_request *request,
                                     const aiohttp_web_http_options *options);
/* 504. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_gateway_timeout(aiohttp_web_request *request,
                                 const aiohttp_web_http_options *options);
/* 505. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_version_not_supported(aiohttp_web_request *request,
                                       const aiohttp_web_http_options *options);
/* 506. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_variant_also_negotiates(aiohttp_web_request *request,
                                         const aiohttp_web_http_options *options);
/* 507. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_insufficient_storage(aiohttp_web_request *request,
                                      const aiohttp_web_http_options *options);
/* 510. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_not_extended(aiohttp_web_request *request,
                              const aiohttp_web_http_options *options);
/* 511. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_network_authentication_required(aiohttp_web_request *request,
                                                 const aiohttp_web_http_options *options);
/* 300. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_multiple_choices(aiohttp_web_request *request, const char *location,
                                  const aiohttp_web_http_options *options);
/* 301. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_moved_permanently(aiohttp_web_request *request, const char *location,
                                   const aiohttp_web_http_options *options);
/* 302. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_found(aiohttp_web_request *request, const char *location,
                       const aiohttp_web_http_options *options);
/* 303. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_see_other(aiohttp_web_request *request, const char *location,
                           const aiohttp_web_http_options *options);
/* 305. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_use_proxy(aiohttp_web_request *request, const char *location,
                           const aiohttp_web_http_options *options);
/* 307. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_temporary_redirect(aiohttp_web_request *request, const char *location,
                                    const aiohttp_web_http_options *options);
/* 308. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_permanent_redirect(aiohttp_web_request *request, const char *location,
                                    const aiohttp_web_http_options *options);

/* 405 with the Allow header `allowed`: "GET, HEAD". Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_method_not_allowed(aiohttp_web_request *request, const char *allowed,
                                    const aiohttp_web_http_options *options);

/* 413 for a body of `actual_size` bytes where `max_size` are allowed. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_http_request_entity_too_large(
    aiohttp_web_request *request, uint64_t max_size, uint64_t actual_size,
    const aiohttp_web_http_options *options);

/* 451 with a Link to who forbids it (NULL: none). Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_http_unavailable_for_legal_reasons(aiohttp_web_request *request, const char *link,
                                               const aiohttp_web_http_options *options);

/* Any status from 200 to 599. -EINVAL for another. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_http_exception(
    aiohttp_web_request *request, int status, const aiohttp_web_http_options *options);

/* The status of an error that is one: 404 of -(AIOHTTP_HTTP + 404); else 0. */
static inline int aiohttp_web_http_status(int result)
{
    return result <= -(AIOHTTP_HTTP + 100) && result > -(AIOHTTP_HTTP + 1000)
               ? -result - AIOHTTP_HTTP
               : 0;
}

/* The usual reason of a status, "" when there is none. Lent until the thread's next call. */
AIOHTTP_API const char *aiohttp_web_http_reason(int status);

ASYNCIO_MUST_CHECK static inline int aiohttp__http_v(aiohttp_web_request *request, int status,
                                                     aiohttp_web_http_options options)
{
    return aiohttp_web_http_exception(request, status, &options);
}
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp__http_move(aiohttp_web_request *request, int status,
                                                      const char *location,
                                                      const aiohttp_web_http_options *options);
ASYNCIO_MUST_CHECK static inline int aiohttp__http_move_v(aiohttp_web_request *request, int status,
                                                          const char *location,
                                                          aiohttp_web_http_options options)
{
    return aiohttp__http_move(request, status, location, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__http_405_v(aiohttp_web_request *request,
                                                         const char *allowed,
                                                         aiohttp_web_http_options options)
{
    return aiohttp_web_http_method_not_allowed(request, allowed, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__http_413_v(aiohttp_web_request *request,
                                                         uint64_t max_size, uint64_t actual_size,
                                                         aiohttp_web_http_options options)
{
    return aiohttp_web_http_request_entity_too_large(request, max_size, actual_size, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__http_451_v(aiohttp_web_request *request,
                                                         const char *link,
                                                         aiohttp_web_http_options options)
{
    return aiohttp_web_http_unavailable_for_legal_reasons(request, link, &options);
}

ASYNCIO__END

#define AIOHTTP__HTTP_OPTIONS(...) ASYNCIO__OPTIONS(aiohttp_web_http_options, (), __VA_ARGS__)
#define aiohttp__http_m(status, request, ...)                                                      \
    aiohttp__http_v(request, status, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))
#define aiohttp__http_move_m(status, request, location, ...)                                       \
    aiohttp__http_move_v(request, status, location, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))
#define aiohttp_web_http_exception(...) aiohttp__http_exception_m(__VA_ARGS__, )
#define aiohttp__http_exception_m(request, status, ...)                                            \
    aiohttp__http_v(request, status, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))
#define aiohttp_web_http_method_not_allowed(...) aiohttp__http_405_m(__VA_ARGS__, )
#define aiohttp__http_405_m(request, allowed, ...)                                                 \
    aiohttp__http_405_v(request, allowed, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))
#define aiohttp_web_http_request_entity_too_large(...) aiohttp__http_413_m(__VA_ARGS__, )
#define aiohttp__http_413_m(request, max_size, actual_size, ...)                                   \
    aiohttp__http_413_v(request, max_size, actual_size, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))
#define aiohttp_web_http_unavailable_for_legal_reasons(...) aiohttp__http_451_m(__VA_ARGS__, )
#define aiohttp__http_451_m(request, link, ...)                                                    \
    aiohttp__http_451_v(request, link, AIOHTTP__HTTP_OPTIONS(__VA_ARGS__))

#define aiohttp_web_http_ok(...) aiohttp__http_m(200, __VA_ARGS__, )
#define aiohttp_web_http_created(...) aiohttp__http_m(201, __VA_ARGS__, )
#define aiohttp_web_http_accepted(...) aiohttp__http_m(202, __VA_ARGS__, )
#define aiohttp_web_http_non_authoritative_information(...) aiohttp__http_m(203, __VA_ARGS__, )
#define aiohttp_web_http_no_content(...) aiohttp__http_m(204, __VA_ARGS__, )
#define aiohttp_web_http_reset_content(...) aiohttp__http_m(205, __VA_ARGS__, )
#define aiohttp_web_http_partial_content(...) aiohttp__http_m(206, __VA_ARGS__, )
#define aiohttp_web_http_not_modified(...) aiohttp__http_m(304, __VA_ARGS__, )
#define aiohttp_web_http_bad_request(...) aiohttp__http_m(400, __VA_ARGS__, )
#define aiohttp_web_http_unauthorized(...) aiohttp__http_m(401, __VA_ARGS__, )
#define aiohttp_web_http_payment_required(...) aiohttp__http_m(402, __VA_ARGS__, )
#define aiohttp_web_http_forbidden(...) aiohttp__http_m(403, __VA_ARGS__, )
#define aiohttp_web_http_not_found(...) aiohttp__http_m(404, __VA_ARGS__, )
#define aiohttp_web_http_not_acceptable(...) aiohttp__http_m(406, __VA_ARGS__, )
#define aiohttp_web_http_proxy_authentication_required(...) aiohttp__http_m(407, __VA_ARGS__, )
#define aiohttp_web_http_request_timeout(...) aiohttp__http_m(408, __VA_ARGS__, )
#define aiohttp_web_http_conflict(...) aiohttp__http_m(409, __VA_ARGS__, )
#define aiohttp_web_http_gone(...) aiohttp__http_m(410, __VA_ARGS__, )
#define aiohttp_web_http_length_required(...) aiohttp__http_m(411, __VA_ARGS__, )
#define aiohttp_web_http_precondition_failed(...) aiohttp__http_m(412, __VA_ARGS__, )
#define aiohttp_web_http_request_uri_too_long(...) aiohttp__http_m(414, __VA_ARGS__, )
#define aiohttp_web_http_unsupported_media_type(...) aiohttp__http_m(415, __VA_ARGS__, )
#define aiohttp_web_http_request_range_not_satisfiable(...) aiohttp__http_m(416, __VA_ARGS__, )
#define aiohttp_web_http_expectation_failed(...) aiohttp__http_m(417, __VA_ARGS__, )
#define aiohttp_web_http_misdirected_request(...) aiohttp__http_m(421, __VA_ARGS__, )
#define aiohttp_web_http_unprocessable_entity(...) aiohttp__http_m(422, __VA_ARGS__, )
#define aiohttp_web_http_failed_dependency(...) aiohttp__http_m(424, __VA_ARGS__, )
#define aiohttp_web_http_upgrade_required(...) aiohttp__http_m(426, __VA_ARGS__, )
#define aiohttp_web_http_precondition_required(...) aiohttp__http_m(428, __VA_ARGS__, )
#define aiohttp_web_http_too_many_requests(...) aiohttp__http_m(429, __VA_ARGS__, )
#define aiohttp_web_http_request_header_fields_too_large(...) aiohttp__http_m(431, __VA_ARGS__, )
#define aiohttp_web_http_internal_server_error(...) aiohttp__http_m(500, __VA_ARGS__, )
#define aiohttp_web_http_not_implemented(...) aiohttp__http_m(501, __VA_ARGS__, )
#define aiohttp_web_http_bad_gateway(...) aiohttp__http_m(502, __VA_ARGS__, )
#define aiohttp_web_http_service_unavailable(...) aiohttp__http_m(503, __VA_ARGS__, )
#define aiohttp_web_http_gateway_timeout(...) aiohttp__http_m(504, __VA_ARGS__, )
#define aiohttp_web_http_version_not_supported(...) aiohttp__http_m(505, __VA_ARGS__, )
#define aiohttp_web_http_variant_also_negotiates(...) aiohttp__http_m(506, __VA_ARGS__, )
#define aiohttp_web_http_insufficient_storage(...) aiohttp__http_m(507, __VA_ARGS__, )
#define aiohttp_web_http_not_extended(...) aiohttp__http_m(510, __VA_ARGS__, )
#define aiohttp_web_http_network_authentication_required(...) aiohttp__http_m(511, __VA_ARGS__, )
#define aiohttp_web_http_multiple_choices(...) aiohttp__http_move_m(300, __VA_ARGS__, )
#define aiohttp_web_http_moved_permanently(...) aiohttp__http_move_m(301, __VA_ARGS__, )
#define aiohttp_web_http_found(...) aiohttp__http_move_m(302, __VA_ARGS__, )
#define aiohttp_web_http_see_other(...) aiohttp__http_move_m(303, __VA_ARGS__, )
#define aiohttp_web_http_use_proxy(...) aiohttp__http_move_m(305, __VA_ARGS__, )
#define aiohttp_web_http_temporary_redirect(...) aiohttp__http_move_m(307, __VA_ARGS__, )
#define aiohttp_web_http_permanent_redirect(...) aiohttp__http_move_m(308, __VA_ARGS__, )
