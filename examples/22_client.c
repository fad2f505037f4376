/* SPDX-License-Identifier: MIT */
/* Several pages at once, with a time limit: example_22_client URL... prints the size of each. */
#include <aiohttp.h>
#include <stdio.h>

static int size_of(aiohttp_client_session *session, const char *url, size_t *ret_size)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 10.0);
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(session, url, &response, .max_redirects = 5);
    if (r >= 0) {
        const char *body;
        r = aiohttp_client_response_read(response, &body, ret_size);
        aiohttp_client_response_unref(response);
    }
    return asyncio_timeout_exit(&limit, r);
}

/* One that fails does not keep the others from being printed. */
static int print_size(aiohttp_client_session *session, const char *url)
{
    size_t size;
    int r = size_of(session, url, &size);
    if (r == -ECANCELED)
        return r;
    if (r < 0) {
        const asyncio_error *error = asyncio_last_error(r);
        printf("%s: %s\n", url, error ? error->text : asyncio_error_text(r));
    } else
        printf("%s: %zu bytes\n", url, size);
    return 0;
}

static int program(char **urls)
{
    aiohttp_client_session *session;
    int r = aiohttp_client_session_new(&session, .raise_for_status = 1);
    if (r < 0)
        return r;

    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    for (; *urls && r >= 0; urls++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(print_size, session, *urls), NULL);
    r = asyncio_task_group_exit(&group, r);

    int closed = aiohttp_client_session_close(session);
    aiohttp_client_session_unref(session);
    return r < 0 ? r : closed;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s URL...\n", argv[0]);
        return 2;
    }
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, argv + 1)));
}
