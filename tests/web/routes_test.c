/* SPDX-License-Identifier: MIT */
/* What is routed can be told: resources and routes in their order, with prefixes, names and
 * domains, before and after an application has become part of another. */
/* TEST: backends none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <aiohttp/web_application.h>
#include <aiohttp/web_file.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int handler(aiohttp_web_request *request, void *data)
{
    (void)request, (void)data;
    return 0;
}

static int other(aiohttp_web_request *request, void *data)
{
    (void)request, (void)data;
    return 0;
}

/* "GET /x=name@domain;..." of all routes, or the error. */
static int routes(aiohttp_web_application *app, char *text, size_t room)
{
    aiohttp_web_route_info at = { 0 };
    size_t used = 0;
    int r;
    text[0] = '\0';
    while ((r = aiohttp_web_application_route_next(app, &at)) > 0)
        used += (size_t)snprintf(text + used, room - used, "%s %s%s%s%s%s;", at.method,
                                 at.resource.path, at.resource.name ? "=" : "",
                                 at.resource.name ? at.resource.name : "",
                                 at.resource.domain ? "@" : "",
                                 at.resource.domain ? at.resource.domain : "");
    return r;
}

static void routes_are(aiohttp_web_application *app, const char *wanted)
{
    char text[1000];
    for (int i = 0; i < 2; i++) { /* the same again: what was made is kept */
        assert_int_equal(routes(app, text, sizeof text), 0);
        assert_string_equal(text, wanted);
    }
}

/* As routes, of resources: "pattern path=name>" where a sub-application answers. */
static void resources_are(aiohttp_web_application *app, const char *wanted)
{
    aiohttp_web_resource_info at = { 0 };
    char text[1000] = "";
    size_t used = 0;
    int r;
    while ((r = aiohttp_web_application_resource_next(app, &at)) > 0) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s%s%s%s;",
                                 at.pattern ? at.pattern : at.domain, at.path ? at.path : "-",
                                 at.name ? "=" : "", at.name ? at.name : "",
                                 at.sub_app ? ">" : "");
        assert_int_equal(at.is_domain, at.resource == NULL);
        assert_ptr_equal(at.app, app);
    }
    assert_int_equal(r, 0);
    assert_string_equal(text, wanted);
}

static void needed(int r)
{
    assert_int_equal(r, 0);
}

static void nothing_is_routed(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_non_null(app);
    aiohttp_web_resource_info resource = { 0 };
    aiohttp_web_route_info route = { 0 };
    routes_are(app, "");
    resources_are(app, "");
    assert_int_equal(aiohttp_web_application_named_resource(app, "x", &resource), -ENOENT);
    assert_int_equal(aiohttp_web_application_named_resource(app, NULL, &resource), -ENOENT);
    aiohttp_web_application_unref(app);
    assert_int_equal(aiohttp_web_application_route_next(NULL, &route), -ENOMEM);
    assert_int_equal(aiohttp_web_application_resource_next(NULL, &resource), -ENOMEM);
    assert_int_equal(aiohttp_web_application_named_resource(NULL, "x", &resource), -ENOMEM);
    assert_null(route.at);
    assert_null(resource.at);
}

static void one_application(void **state)
{
    (void)state;
    static int data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_non_null(app);
    needed(aiohttp_web_application_add_get(app, "/", handler));
    needed(aiohttp_web_application_add_resource(app, "/nothing", NULL, .name = "empty"));
    needed(aiohttp_web_application_add_post(app, "/users/{id:\\d+}/{file:.*}", other,
                                            .name = "user", .data = &data));
    needed(aiohttp_web_application_add_route(app, "*", "/users/{id:\\d+}/{file:.*}", handler));
    needed(aiohttp_web_application_add_static(app, "/files", "/tmp"));
    routes_are(app, "GET /;HEAD /;POST /users/{id}/{file}=user;* /users/{id}/{file}=user;"
                    "GET /files/{filename};HEAD /files/{filename};");
    resources_are(app, "/ /;/nothing /nothing=empty;"
                       "/users/{id:\\d+}/{file:.*} /users/{id}/{file}=user;"
                       "/files/{filename:.*} /files/{filename};");
    aiohttp_web_route_info at = { 0 };
    for (int i = 0; i < 3; i++)
        assert_int_equal(aiohttp_web_application_route_next(app, &at), 1);
    assert_ptr_equal(at.handler, other);
    assert_ptr_equal(at.data, &data);
    /* what was told can be used */
    needed(aiohttp_web_resource_add_route(at.resource.resource, "PUT", handler));
    aiohttp_web_resource_info named = { 0 };
    assert_int_equal(aiohttp_web_application_named_resource(app, "user", &named), 0);
    assert_ptr_equal(named.resource, at.resource.resource);
    assert_string_equal(named.path, "/users/{id}/{file}");
    assert_int_equal(aiohttp_web_application_named_resource(app, "users", &named), -ENOENT);
    int count = 3;
    while (aiohttp_web_application_route_next(app, &at) > 0)
        count++;
    assert_int_equal(count, 7);
    aiohttp_web_application_unref(app);
}

static void applications_in_applications(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application *api = aiohttp_web_application_new();
    aiohttp_web_application *v1 = aiohttp_web_application_new();
    aiohttp_web_application *host = aiohttp_web_application_new();
    aiohttp_web_application *empty = aiohttp_web_application_new();
    assert_true(app && api && v1 && host && empty);
    needed(aiohttp_web_application_add_post(v1, "/users/{id:\\d+}", handler, .name = "user"));
    needed(aiohttp_web_application_add_post(api, "/first", handler));
    routes_are(v1, "POST /users/{id}=user;");
    needed(aiohttp_web_application_add_subapp(api, "/v1", aiohttp_web_application_ref(v1)));
    needed(aiohttp_web_application_add_post(api, "/last", handler));
    routes_are(v1, "POST /v1/users/{id}=user;");
    routes_are(api, "POST /first;POST /v1/users/{id}=user;POST /last;");
    needed(aiohttp_web_application_add_subapp(app, "/api", aiohttp_web_application_ref(api)));
    needed(aiohttp_web_application_add_subapp(app, "/empty", empty));
    needed(aiohttp_web_application_add_post(app, "/", handler));
    needed(aiohttp_web_application_add_put(host, "/h", handler, .name = "h"));
    needed(aiohttp_web_application_add_domain(v1, "*.Example.com", host));
    routes_are(app, "POST /api/first;PUT /api/v1/h=h@*.Example.com;POST /api/v1/users/{id}=user;"
                    "POST /api/last;POST /;");
    resources_are(app, "/api /api>;/empty /empty>;/ /;");
    resources_are(v1, "*.Example.com ->;/users/{id:\\d+} /api/v1/users/{id}=user;");
    /* names are each application's own, as in Python */
    aiohttp_web_resource_info named = { 0 };
    assert_int_equal(aiohttp_web_application_named_resource(app, "user", &named), -ENOENT);
    assert_int_equal(aiohttp_web_application_named_resource(v1, "user", &named), 0);
    assert_string_equal(named.path, "/api/v1/users/{id}");
    /* what was around it goes, and its prefix with it */
    aiohttp_web_application_unref(app);
    routes_are(api, "POST /first;PUT /v1/h=h@*.Example.com;POST /v1/users/{id}=user;POST /last;");
    aiohttp_web_application_unref(api);
    routes_are(v1, "PUT /h=h@*.Example.com;POST /users/{id}=user;");
    aiohttp_web_application_unref(v1);
}

/* As deep as applications may be in one another. */
static void deep(void **state)
{
    (void)state;
    aiohttp_web_application *app = aiohttp_web_application_new();
    assert_non_null(app);
    needed(aiohttp_web_application_add_post(app, "/x", handler));
    char wanted[200];
    size_t used = (size_t)snprintf(wanted, sizeof wanted, "POST ");
    for (int i = 0; i < 15; i++) {
        aiohttp_web_application *around = aiohttp_web_application_new();
        assert_non_null(around);
        needed(aiohttp_web_application_add_subapp(around, "/p", app));
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "/p");
        app = around;
    }
    snprintf(wanted + used, sizeof wanted - used, "/x;");
    routes_are(app, wanted);
    aiohttp_web_application_unref(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_routed),
        cmocka_unit_test(one_application),
        cmocka_unit_test(applications_in_applications),
        cmocka_unit_test(deep),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
