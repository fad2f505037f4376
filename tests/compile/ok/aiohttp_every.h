/* SPDX-License-Identifier: MIT */
/* Every public macro of libaiohttp once, bare and with a keyword argument, in what is C and C++
 * alike. It is compiled and not called: what the calls do is tested elsewhere. compile.py finds a
 * macro that appears neither here nor in another program of its language. */
#pragma once

#include <aiohttp.h>
#include <aiohttp/test_utils.h>

struct all {
    aiohttp_web_application *app;
    aiohttp_web_resource *resource;
    aiohttp_web_runner *runner;
    aiohttp_web_site *site;
    aiohttp_web_server *server;
    aiohttp_web_worker *worker;
    aiohttp_web_request *request;
    aiohttp_web_response *response;
    aiohttp_test_server *tested;
    aiohttp_mocked_request *mocked;
    aiohttp_client_session *session;
    aiohttp_client_response *came;
    aiohttp_connector *connector;
    aiohttp_cookie_jar *jar;
    aiohttp_websocket *ws;
    aiohttp_payload *payload;
    aiohttp_multipart_reader *reader;
    aiohttp_multipart_writer *writer;
    aiohttp_form_data *form;
    aiohttp_url *url;
    asyncio_stream *stream;
    struct json_t *json;
    const aiohttp_multi_dict *fields;
    const char *text;
    char *own_text;
    size_t size;
};

static AIOHTTP_WEB_APP_KEY(all_key, struct all);

static int handle(aiohttp_web_request *request, void *data)
{
    return data ? aiohttp_web_respond(request, "x") : 0;
}

static int handle_bare(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "x", .status = 201, .content_type = "text/html");
}

static int around(aiohttp_web_request *request, aiohttp_web_next *next, void *data)
{
    return data ? 0 : next(request);
}

static int around_bare(aiohttp_web_request *request, aiohttp_web_next *next)
{
    return next(request);
}

static int on_signal(aiohttp_web_application *app, void *data)
{
    return app && data ? 0 : -1;
}

static int on_signal_bare(aiohttp_web_application *app)
{
    return app ? 0 : -1;
}

static int give(void *data, void *buffer, size_t size)
{
    return data && buffer && size ? 1 : 0;
}

static int generate(aiohttp_payload_writer *writer, void *data)
{
    return writer && data ? 0 : -1;
}

static int generate_bare(aiohttp_payload_writer *writer)
{
    return writer ? 0 : -1;
}

static int work(aiohttp_web_worker *worker, void *data)
{
    return worker && data ? 0 : -1;
}

static const aiohttp_web_route_def table[] = {
    aiohttp_web_route("LOCK", "/a", handle, .name = "a"),
    aiohttp_web_route("LOCK", "/b", handle_bare),
    aiohttp_web_get("/a", handle_bare), aiohttp_web_get("/b", handle, .name = "get"),
    aiohttp_web_head("/a", handle_bare), aiohttp_web_head("/b", handle, .name = "head"),
    aiohttp_web_post("/a", handle_bare), aiohttp_web_post("/b", handle, .name = "post"),
    aiohttp_web_put("/a", handle_bare), aiohttp_web_put("/b", handle, .name = "put"),
    aiohttp_web_patch("/a", handle_bare), aiohttp_web_patch("/b", handle, .name = "patch"),
    aiohttp_web_delete("/a", handle_bare), aiohttp_web_delete("/b", handle, .name = "delete"),
};

static int all_routes(struct all *it)
{
    int r = aiohttp_web_application_add_routes(it->app, table, sizeof table / sizeof *table);
    it->app = aiohttp_web_application_new();
    it->app = aiohttp_web_application_new(.client_max_size = 5);
    r |= aiohttp_web_application_add_route(it->app, "LOCK", "/", handle_bare);
    r |= aiohttp_web_application_add_route(it->app, "LOCK", "/", handle, .data = it);
    r |= aiohttp_web_application_add_get(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_get(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_head(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_head(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_post(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_post(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_put(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_put(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_patch(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_patch(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_delete(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_delete(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_options(it->app, "/", handle_bare);
    r |= aiohttp_web_application_add_options(it->app, "/", handle, .name = "x", .data = it);
    r |= aiohttp_web_application_add_resource(it->app, "/", &it->resource);
    r |= aiohttp_web_application_add_resource(it->app, "/", &it->resource, .name = "x");
    r |= aiohttp_web_resource_add_route(it->resource, "GET", handle_bare);
    r |= aiohttp_web_resource_add_route(it->resource, "GET", handle, .data = it);
    r |= aiohttp_web_application_add_static(it->app, "/s", "public");
    r |= aiohttp_web_application_add_static(it->app, "/s", "public", .show_index = 1);
    r |= aiohttp_web_application_url_for(it->app, "x", &it->text);
    r |= aiohttp_web_application_url_for(it->app, "x", &it->text, .query = NULL);
    return r;
}

static int all_application(struct all *it)
{
    int r = aiohttp_web_application_add_middleware(it->app, around_bare);
    r |= aiohttp_web_application_add_middleware(it->app, around, .data = it);
    r |= aiohttp_web_application_on_startup(it->app, on_signal_bare);
    r |= aiohttp_web_application_on_startup(it->app, on_signal, .data = it);
    r |= aiohttp_web_application_on_shutdown(it->app, on_signal_bare);
    r |= aiohttp_web_application_on_shutdown(it->app, on_signal, .data = it);
    r |= aiohttp_web_application_on_cleanup(it->app, on_signal_bare);
    r |= aiohttp_web_application_on_cleanup(it->app, on_signal, .data = it);
    r |= aiohttp_web_application_on_response_prepare(it->app, handle_bare);
    r |= aiohttp_web_application_on_response_prepare(it->app, handle, .data = it);
    r |= aiohttp_web_application_cleanup_ctx(it->app, on_signal_bare, on_signal_bare);
    r |= aiohttp_web_application_cleanup_ctx(it->app, on_signal, on_signal, .data = it);
    r |= aiohttp_web_application_set(it->app, &all_key, it, NULL);
    r |= aiohttp_web_application_get(it->app, &all_key) == it;
    r |= aiohttp_web_request_set(it->request, &all_key, it, NULL);
    r |= aiohttp_web_request_get(it->request, &all_key) == it;
    r |= aiohttp_web_request_config(it->request, &all_key) == it;
    return r;
}

static int all_serving(struct all *it)
{
    aiohttp_test_response answer;
    int r = aiohttp_web_server_new(handle_bare, &it->server);
    r |= aiohttp_web_server_new(handle, &it->server, .keepalive_timeout = 5, .data = it);
    r |= aiohttp_web_app_runner_new(it->app, &it->runner);
    r |= aiohttp_web_app_runner_new(it->app, &it->runner, .shutdown_timeout = 5);
    r |= aiohttp_web_server_runner_new(it->server, &it->runner);
    r |= aiohttp_web_server_runner_new(it->server, &it->runner, .shutdown_timeout = 5);
    r |= aiohttp_web_tcp_site_new(it->runner, "localhost", 80, &it->site);
    r |= aiohttp_web_tcp_site_new(it->runner, "localhost", 80, &it->site, .backlog = 5);
    r |= aiohttp_web_unix_site_new(it->runner, "x", &it->site);
    r |= aiohttp_web_unix_site_new(it->runner, "x", &it->site, .backlog = 5);
    r |= aiohttp_web_sock_site_new(it->runner, 3, &it->site);
    r |= aiohttp_web_sock_site_new(it->runner, 3, &it->site, .backlog = 5);
    r |= aiohttp_web_run_app(it->app);
    r |= aiohttp_web_run_app(it->app, .host = "localhost", .port = 80);
    r |= aiohttp_web_run_workers(work);
    r |= aiohttp_web_run_workers(work, .workers = 4);
    r |= aiohttp_web_worker_serve(it->worker, it->runner);
    r |= aiohttp_web_worker_serve(it->worker, it->runner, .reuse_port = 1);
    r |= aiohttp_test_server_new(it->app, &it->tested);
    r |= aiohttp_test_server_new(it->app, &it->tested, .server = NULL);
    r |= aiohttp_test_client_new(it->tested, &it->session);
    r |= aiohttp_test_client_new(it->tested, &it->session, .base_url = "http://a.org/");
    r |= aiohttp_test_server_request(it->tested, "GET", "/", &answer);
    r |= aiohttp_test_server_request(it->tested, "GET", "/", &answer, .text = "x");
    r |= aiohttp_make_mocked_request("GET", "/", &it->mocked);
    r |= aiohttp_make_mocked_request("GET", "/", &it->mocked, .text = "x");
    return r;
}

static int all_answers(struct all *it)
{
    int r = aiohttp_web_respond(it->request, NULL);
    r |= aiohttp_web_respond_bytes(it->request, "x", 1);
    r |= aiohttp_web_respond_bytes(it->request, "x", 1, .is_lent = 1);
    r |= aiohttp_web_respond_json(it->request, it->json);
    r |= aiohttp_web_respond_json(it->request, it->json, .status = 201);
    r |= aiohttp_web_respond_json_pack(it->request, "[is]", 1, "x");
    r |= aiohttp_web_respond_json_pack_with(it->request, AIOHTTP_WEB_RESPONSE(.status = 201),
                                            "[is]", 1, "x");
    r |= aiohttp_web_respond_payload(it->request, it->payload);
    r |= aiohttp_web_respond_payload(it->request, it->payload, .status = 201);
    r |= aiohttp_web_file_response(it->request, "x");
    r |= aiohttp_web_file_response(it->request, "x", .precompressed = 1);
    r |= aiohttp_web_response_enable_compression(it->response);
    r |= aiohttp_web_response_enable_compression(it->response, .level = 5);
    r |= aiohttp_web_response_set_cookie(it->response, "a", "b");
    r |= aiohttp_web_response_set_cookie(it->response, "a", "b", .max_age = 5, .secure = 1);
    r |= aiohttp_web_response_del_cookie(it->response, "a");
    r |= aiohttp_web_response_del_cookie(it->response, "a", .path = "/");
    r |= aiohttp_web_event_source_send(it->response, "x");
    r |= aiohttp_web_event_source_send(it->response, "x", .event = "y", .id = "1");
    r |= aiohttp_web_request_post(it->request, &it->fields);
    r |= aiohttp_web_request_post(it->request, &it->fields, .file_in_memory = 1);
    r |= aiohttp_web_request_override(it->request);
    r |= aiohttp_web_request_override(it->request, .host = "x");
    return r;
}

static int all_errors(struct all *it)
{
    aiohttp_web_request *request = it->request;
    int r = aiohttp_web_http_exception(request, 418);
    r |= aiohttp_web_http_exception(request, 418, .reason = "x");
    r |= aiohttp_web_http_method_not_allowed(request, "GET");
    r |= aiohttp_web_http_method_not_allowed(request, "GET", .text = "x");
    r |= aiohttp_web_http_request_entity_too_large(request, 1, 2);
    r |= aiohttp_web_http_request_entity_too_large(request, 1, 2, .text = "x");
    r |= aiohttp_web_http_unavailable_for_legal_reasons(request, "http://x/");
    r |= aiohttp_web_http_unavailable_for_legal_reasons(request, "http://x/", .text = "x");
    r |= aiohttp_web_http_ok(request);
    r |= aiohttp_web_http_ok(request, .text = "x");
    r |= aiohttp_web_http_created(request);
    r |= aiohttp_web_http_created(request, .text = "x");
    r |= aiohttp_web_http_accepted(request);
    r |= aiohttp_web_http_accepted(request, .text = "x");
    r |= aiohttp_web_http_non_authoritative_information(request);
    r |= aiohttp_web_http_non_authoritative_information(request, .text = "x");
    r |= aiohttp_web_http_no_content(request);
    r |= aiohttp_web_http_no_content(request, .text = "x");
    r |= aiohttp_web_http_reset_content(request);
    r |= aiohttp_web_http_reset_content(request, .text = "x");
    r |= aiohttp_web_http_partial_content(request);
    r |= aiohttp_web_http_partial_content(request, .text = "x");
    r |= aiohttp_web_http_not_modified(request);
    r |= aiohttp_web_http_not_modified(request, .text = "x");
    r |= aiohttp_web_http_bad_request(request);
    r |= aiohttp_web_http_bad_request(request, .text = "x");
    r |= aiohttp_web_http_unauthorized(request);
    r |= aiohttp_web_http_unauthorized(request, .text = "x");
    r |= aiohttp_web_http_payment_required(request);
    r |= aiohttp_web_http_payment_required(request, .text = "x");
    r |= aiohttp_web_http_forbidden(request);
    r |= aiohttp_web_http_forbidden(request, .text = "x");
    r |= aiohttp_web_http_not_found(request);
    r |= aiohttp_web_http_not_found(request, .text = "x");
    r |= aiohttp_web_http_not_acceptable(request);
    r |= aiohttp_web_http_not_acceptable(request, .text = "x");
    r |= aiohttp_web_http_proxy_authentication_required(request);
    r |= aiohttp_web_http_proxy_authentication_required(request, .text = "x");
    r |= aiohttp_web_http_request_timeout(request);
    r |= aiohttp_web_http_request_timeout(request, .text = "x");
    r |= aiohttp_web_http_conflict(request);
    r |= aiohttp_web_http_conflict(request, .text = "x");
    r |= aiohttp_web_http_gone(request);
    r |= aiohttp_web_http_gone(request, .text = "x");
    r |= aiohttp_web_http_length_required(request);
    r |= aiohttp_web_http_length_required(request, .text = "x");
    r |= aiohttp_web_http_precondition_failed(request);
    r |= aiohttp_web_http_precondition_failed(request, .text = "x");
    return r;
}

static int all_other_errors(struct all *it)
{
    aiohttp_web_request *request = it->request;
    int r = aiohttp_web_http_request_uri_too_long(request);
    r |= aiohttp_web_http_request_uri_too_long(request, .text = "x");
    r |= aiohttp_web_http_unsupported_media_type(request);
    r |= aiohttp_web_http_unsupported_media_type(request, .text = "x");
    r |= aiohttp_web_http_request_range_not_satisfiable(request);
    r |= aiohttp_web_http_request_range_not_satisfiable(request, .text = "x");
    r |= aiohttp_web_http_expectation_failed(request);
    r |= aiohttp_web_http_expectation_failed(request, .text = "x");
    r |= aiohttp_web_http_misdirected_request(request);
    r |= aiohttp_web_http_misdirected_request(request, .text = "x");
    r |= aiohttp_web_http_unprocessable_entity(request);
    r |= aiohttp_web_http_unprocessable_entity(request, .text = "x");
    r |= aiohttp_web_http_failed_dependency(request);
    r |= aiohttp_web_http_failed_dependency(request, .text = "x");
    r |= aiohttp_web_http_upgrade_required(request);
    r |= aiohttp_web_http_upgrade_required(request, .text = "x");
    r |= aiohttp_web_http_precondition_required(request);
    r |= aiohttp_web_http_precondition_required(request, .text = "x");
    r |= aiohttp_web_http_too_many_requests(request);
    r |= aiohttp_web_http_too_many_requests(request, .text = "x");
    r |= aiohttp_web_http_request_header_fields_too_large(request);
    r |= aiohttp_web_http_request_header_fields_too_large(request, .text = "x");
    r |= aiohttp_web_http_internal_server_error(request);
    r |= aiohttp_web_http_internal_server_error(request, .text = "x");
    r |= aiohttp_web_http_not_implemented(request);
    r |= aiohttp_web_http_not_implemented(request, .text = "x");
    r |= aiohttp_web_http_bad_gateway(request);
    r |= aiohttp_web_http_bad_gateway(request, .text = "x");
    r |= aiohttp_web_http_service_unavailable(request);
    r |= aiohttp_web_http_service_unavailable(request, .text = "x");
    r |= aiohttp_web_http_gateway_timeout(request);
    r |= aiohttp_web_http_gateway_timeout(request, .text = "x");
    r |= aiohttp_web_http_version_not_supported(request);
    r |= aiohttp_web_http_version_not_supported(request, .text = "x");
    r |= aiohttp_web_http_variant_also_negotiates(request);
    r |= aiohttp_web_http_variant_also_negotiates(request, .text = "x");
    r |= aiohttp_web_http_insufficient_storage(request);
    r |= aiohttp_web_http_insufficient_storage(request, .text = "x");
    r |= aiohttp_web_http_not_extended(request);
    r |= aiohttp_web_http_not_extended(request, .text = "x");
    r |= aiohttp_web_http_network_authentication_required(request);
    r |= aiohttp_web_http_network_authentication_required(request, .text = "x");
    return r;
}

static int all_redirects(struct all *it)
{
    int r = 0;
    r |= aiohttp_web_http_multiple_choices(it->request, "/x");
    r |= aiohttp_web_http_multiple_choices(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_moved_permanently(it->request, "/x");
    r |= aiohttp_web_http_moved_permanently(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_found(it->request, "/x");
    r |= aiohttp_web_http_found(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_see_other(it->request, "/x");
    r |= aiohttp_web_http_see_other(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_use_proxy(it->request, "/x");
    r |= aiohttp_web_http_use_proxy(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_temporary_redirect(it->request, "/x");
    r |= aiohttp_web_http_temporary_redirect(it->request, "/x", .text = "x");
    r |= aiohttp_web_http_permanent_redirect(it->request, "/x");
    r |= aiohttp_web_http_permanent_redirect(it->request, "/x", .text = "x");
    return r;
}

static int all_messages(struct all *it)
{
    int r = aiohttp_bytes_payload_new("x", 1, &it->payload);
    r |= aiohttp_bytes_payload_new("x", 1, &it->payload, .is_lent = 1);
    r |= aiohttp_string_payload_new("x", &it->payload);
    r |= aiohttp_string_payload_new("x", &it->payload, .content_type = "a/b");
    r |= aiohttp_file_payload_new("x", &it->payload);
    r |= aiohttp_file_payload_new("x", &it->payload, .content_type = "a/b");
    r |= aiohttp_stream_payload_new(it->stream, &it->payload);
    r |= aiohttp_stream_payload_new(it->stream, &it->payload, .content_type = "a/b");
    r |= aiohttp_generator_payload_new(generate_bare, &it->payload);
    r |= aiohttp_generator_payload_new(generate, &it->payload, .data = it);
    r |= aiohttp_source_payload_new(give, &it->payload);
    r |= aiohttp_source_payload_new(give, &it->payload, .data = it);
    r |= aiohttp_json_payload_new(it->json, &it->payload);
    r |= aiohttp_json_payload_new(it->json, &it->payload, .content_type = "a/b");
    r |= aiohttp_json_loads("1", 1, &it->json);
    r |= aiohttp_json_loads("1", 1, &it->json, .max_depth = 5);
    r |= aiohttp_json_dumps(it->json, &it->own_text, &it->size);
    r |= aiohttp_json_dumps(it->json, &it->own_text, &it->size, .indent = 2);
    r |= aiohttp_json_pack(&it->own_text, &it->size, "{s:i}", "id", 1);
    r |= aiohttp_multipart_reader_new("a/b", give, it, &it->reader);
    r |= aiohttp_multipart_reader_new("a/b", give, it, &it->reader, .limits = NULL);
    r |= aiohttp_multipart_writer_new("mixed", &it->writer);
    r |= aiohttp_multipart_writer_new("mixed", &it->writer, .boundary = "x");
    r |= aiohttp_multipart_writer_append_stream(it->writer, give, it, NULL);
    r |= aiohttp_multipart_writer_append_stream(it->writer, give, it, NULL, .length = 5);
    r |= aiohttp_form_data_add_field(it->form, "a", "b");
    r |= aiohttp_form_data_add_field(it->form, "a", "b", .filename = "c");
    r |= aiohttp_url_new("http://x/", &it->url);
    r |= aiohttp_url_new("http://x/", &it->url, .encoded = 1);
    r |= aiohttp_url_build(&it->url);
    r |= aiohttp_url_build(&it->url, .scheme = "http", .host = "x");
    r |= aiohttp_url_with_path(it->url, "/", &it->url);
    r |= aiohttp_url_with_path(it->url, "/", &it->url, .encoded = 1);
    return r;
}

typedef int all_function(struct all *it);
static all_function *const all[] = { all_routes, all_application,  all_serving,   all_answers,
                                     all_errors, all_other_errors, all_redirects, all_messages };
