/* SPDX-License-Identifier: MIT */
/* Redirects: which are followed and how, what goes along, how many. */
#include "client/client_test.h"

/* /STATUS/TARGET redirects; /count/N counts down; else it tells what came. */
static int redirecting(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    struct both *both = data;
    size_t size;
    int status, number;
    char target[128];
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    if (sscanf(path, "/count/%d", &number) == 1 && number > 0) {
        snprintf(target, sizeof target, "%d", number - 1);
        return aiohttp_web_respond(request, "", .status = 302,
                                   .fields = (const char *[]){ "Location", target, NULL });
    }
    if (strncmp(path, "/away/", 6) == 0) {
        snprintf(target, sizeof target, "http://localhost:%d/%s", both->live.port, path + 6);
        return aiohttp_web_respond(request, "", .status = 302,
                                   .fields = (const char *[]){ "Location", target, NULL });
    }
    if (sscanf(path, "/%d/%100s", &status, target) == 2)
        return aiohttp_web_respond(
            request, "", .status = status,
            .fields = (const char *[]){ "Location", strcmp(target, "none") == 0 ? "" : target,
                                        NULL });
    const char *authorization = aiohttp_web_request_header(request, "Authorization");
    const char *cookie = aiohttp_web_request_header(request, "Cookie");
    return aiohttp_web_respondf(request, "%s %s auth=%s cookie=%s body=%.*s",
                                aiohttp_web_request_method(request), path,
                                authorization ? authorization : "-", cookie ? cookie : "-",
                                (int)size, body);
}
