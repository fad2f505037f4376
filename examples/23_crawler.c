/* SPDX-License-Identifier: MIT */
/* Follows the links of a site: example_23_crawler URL [PAGES].
 *
 * A queue holds what is still to be looked at, some tasks take from it, a semaphore keeps the
 * server from being asked more than two things at a time. Pages of other hosts are not followed. */
#include <aiohttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 6, AT_ONCE = 2 };

struct page {
    char *url;
    int status;      /* 0: not asked yet */
    size_t size, links;
};

static struct {
    aiohttp_client_session *session;
    asyncio_queue jobs; /* of size_t: numbers of pages */
    asyncio_semaphore polite;
    struct page *pages;
    size_t count, most;
    const char *host;
} crawl;

/* Adds a page that nobody has seen yet. */
static int add(const char *url)
{
    for (size_t i = 0; i < crawl.count; i++)
        if (strcmp(crawl.pages[i].url, url) == 0)
            return 0;
    if (crawl.count == crawl.most)
        return 0;
    char *copy = strdup(url);
    if (!copy)
        return -ENOMEM;
    size_t number = crawl.count++;
    crawl.pages[number] = (struct page){ .url = copy };
    return asyncio_queue_put_nowait(&crawl.jobs, &number);
}

static int follow(const aiohttp_url *base, const char *link, size_t size)
{
    aiohttp_url *relative = NULL, *url = NULL, *bare = NULL;
    char text[1024];
    if (size >= sizeof text)
        return 0;
    memcpy(text, link, size);
    text[size] = '\0';
    int r = aiohttp_url_new(text, &relative);
    if (r >= 0)
        r = aiohttp_url_join(base, relative, &url);
    if (r >= 0)
        r = aiohttp_url_with_fragment(url, NULL, &bare);
    if (r >= 0 && aiohttp_url_raw_authority(bare) &&
        strcmp(aiohttp_url_raw_authority(bare), crawl.host) == 0)
        r = add(aiohttp_url_str(bare));
    aiohttp_url_unref(relative);
    aiohttp_url_unref(url);
    aiohttp_url_unref(bare);
    return r == -AIOHTTP_INVALID_URL ? 0 : r;
}

/* What stands in href="...". */
static int find_links(struct page *page, const aiohttp_url *base, const char *text)
{
    int r = 0;
    while (r >= 0 && (text = strstr(text, "href=\""))) {
        text += strlen("href=\"");
        size_t size = strcspn(text, "\"");
        page->links++;
        r = follow(base, text, size);
    }
    return r;
}

static int look_at(size_t number)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_get(crawl.session, crawl.pages[number].url, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &text, &crawl.pages[number].size);
    if (r >= 0) {
        crawl.pages[number].status = aiohttp_client_response_status(response);
        const char *type = aiohttp_client_response_content_type(response);
        if (type && strcmp(type, "text/html") == 0)
            r = find_links(&crawl.pages[number], aiohttp_client_response_url(response), text);
    }
    aiohttp_client_response_unref(response);
    return r;
}

static int work(void)
{
    size_t number;
    int r;
    while ((r = asyncio_queue_get(&crawl.jobs, &number)) >= 0) {
        r = asyncio_semaphore_enter(&crawl.polite);
        if (r < 0)
            return r;
        r = asyncio_semaphore_exit(&crawl.polite, look_at(number));
        if (r == -ECANCELED || r == -ENOMEM)
            return r;
        if (r < 0)
            fprintf(stderr, "%s: %s\n", crawl.pages[number].url, asyncio_error_text(r));
        asyncio_queue_task_done(&crawl.jobs);
    }
    return r == -ASYNCIO_QUEUE_SHUT_DOWN ? 0 : r;
}

/* All is done when every job that was put was worked on. */
static int crawl_all(const char *first)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = add(first);
    for (int i = 0; i < TASKS && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(work), NULL);
    if (r >= 0)
        r = asyncio_queue_join(&crawl.jobs);
    asyncio_queue_shutdown(&crawl.jobs);
    return asyncio_task_group_exit(&group, r);
}

static int program(const char *first)
{
    aiohttp_url *url;
    int r = aiohttp_url_new(first, &url);
    if (r < 0)
        return r;
    crawl.host = aiohttp_url_raw_authority(url);
    asyncio_queue_init(&crawl.jobs, sizeof(size_t));
    asyncio_semaphore_init(&crawl.polite, AT_ONCE);
    r = aiohttp_client_session_new(&crawl.session);
    if (r >= 0) {
        r = crawl_all(aiohttp_url_str(url));
        aiohttp_client_session_close(crawl.session);
        aiohttp_client_session_unref(crawl.session);
    }
    asyncio_queue_fini(&crawl.jobs);
    asyncio_semaphore_fini(&crawl.polite);
    aiohttp_url_unref(url);
    return r;
}

int main(int argc, char **argv)
{
    crawl.most = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    if (argc < 2 || crawl.most == 0 || !(crawl.pages = calloc(crawl.most, sizeof *crawl.pages))) {
        fprintf(stderr, "usage: %s URL [PAGES]\n", argv[0]);
        return 2;
    }
    int r = asyncio_run(asyncio_coro(program, argv[1]));
    for (size_t i = 0; i < crawl.count; i++) {
        const struct page *page = &crawl.pages[i];
        printf("%3d %7zu bytes %4zu links  %s\n", page->status, page->size, page->links, page->url);
        free(crawl.pages[i].url);
    }
    free(crawl.pages);
    return asyncio_print_exception(r);
}
