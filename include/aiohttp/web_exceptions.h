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
 * TEXT       Without `.text` it is "404: Not Found".
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

/* Those that take the request and options only: name and status. */
#define AIOHTTP__HTTP_STATUSES(X)                                                                  \
    X(ok, 200)                                                                                     \
    X(created, 201)                                                                                \
    X(accepted, 202)                                                                               \
    X(non_authoritative_information, 203)                                                          \
    X(no_content, 204)                                                                             \
    X(reset_content, 205)                                                                          \
    X(partial_content, 206)                                                                        \
    X(not_modified, 304)                                                                           \
    X(bad_request, 400)                                                                            \
    X(unauthorized, 401)                                                                           \
    X(payment_required, 402)                                                                       \
    X(forbidden, 403)                                                                              \
    X(not_found, 404)                                                                              \
    X(not_acceptable, 406)                                                                         \
    X(proxy_authentication_required, 407)                                                          \
    X(request_timeout, 408)                                                                        \
    X(conflict, 409)                                                                               \
    X(gone, 410)                                                                                   \
    X(length_required, 411)                                                                        \
    X(precondition_failed, 412)                                                                    \
    X(request_uri_too_long, 414)                                                                   \
    X(unsupported_media_type, 415)                                                                 \
    X(request_range_not_satisfiable, 416)                                                          \
    X(expectation_failed, 417)                                                                     \
    X(misdirected_request, 421)                                                                    \
    X(unprocessable_entity, 422)                                                                   \
    X(failed_dependency, 424)                                                                      \
    X(upgrade_required, 426)                                                                       \
    X(precondition_required, 428)                                                                  \
    X(too_many_requests, 429)                                                                      \
    X(request_header_fields_too_large, 431)                                                        \
    X(internal_server_error, 500)                                                                  \
    X(not_implemented, 501)                                                                        \
    X(bad_gateway, 502)                                                                            \
    X(service_unavailable, 503)                                                                    \
    X(gateway_timeout, 504)                                                                        \
    X(version_not_supported, 505)                                                                  \
    X(variant_also_negotiates, 506)                                                                \
    X(insufficient_storage, 507)                                                                   \
    X(not_extended, 510)                                                                           \
    X(network_authentication_required, 511)

/* Those that take a place to go to, a URL, which becomes the Location header. */
#define AIOHTTP__HTTP_MOVES(X)                                                                     \
    X(multiple_choices, 300)                                                                       \
    X(moved_permanently, 301)                                                                      \
    X(found, 302)                                                                                  \
    X(see_other, 303)                                                                              \
    X(use_proxy, 305)                                                                              \
    X(temporary_redirect, 307)                                                                     \
    X(permanent_redirect, 308)

/* aiohttp_web_http_NAME(request, .text = ...): sets the answer, returns -(AIOHTTP_HTTP + status).
 * Does not suspend. */
#define AIOHTTP__DECLARE(name, status)                                                             \
    AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_http_##name(                                    \
        aiohttp_web_request *request, const aiohttp_web_http_options *options);
AIOHTTP__HTTP_STATUSES(AIOHTTP__DECLARE)
#undef AIOHTTP__DECLARE

/* aiohttp_web_http_NAME(request, location, ...): as above; -EINVAL for a location that is NULL or
 * has control characters. Does not suspend. */
#define AIOHTTP__DECLARE(name, status)                                                             \
    AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_http_##name(                                    \
        aiohttp_web_request *request, const char *location,                                        \
        const aiohttp_web_http_options *options);
AIOHTTP__HTTP_MOVES(AIOHTTP__DECLARE)
#undef AIOHTTP__DECLARE

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

/* The usual reason of a status, "" when there is none. Static. */
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
