/* SPDX-License-Identifier: MIT */
/* A form with files, sent with progress: example_26_send_files URL FILE... Nothing is in memory as
 * a whole: each file is read when it is its turn. */
#include <aiohttp.h>
#include <stdio.h>
#include <string.h>

static int read_file(void *source, void *buffer, size_t size)
{
    return asyncio_read(*(const int *)source, buffer, size);
}

static void close_file(void *file)
{
    asyncio_close(*(int *)file);
}

static int show_progress(int64_t sent, int64_t total, void *data)
{
    int *percent = data, now = total > 0 ? (int)(100 * sent / total) : 0;
    if (now != *percent)
        printf("\r%3d%% of %lld bytes", *percent = now, (long long)total);
    return fflush(stdout) == 0 ? 0 : -EPIPE; /* below 0: the upload ends with that */
}

static int add_file(aiohttp_form_data *form, const char *path)
{
    struct stat status;
    const char *slash = strrchr(path, '/');
    int *file = asyncio_alloc(sizeof *file); /* until the end of the task */
    int r = file ? *file = asyncio_open(path, O_RDONLY) : -ENOMEM;
    if (r >= 0)
        r = asyncio_defer(close_file, file);
    if (r >= 0)
        r = asyncio_fstat(*file, &status);
    return r < 0 ? r : aiohttp_form_data_add_field(form, "file", NULL,
                                                   .content_type = "application/octet-stream",
                                                   .filename = slash ? slash + 1 : path,
                                                   .length = status.st_size, .read = read_file,
                                                   .source = file);
}

static int program(const char *url, char **paths)
{
    int percent = -1;
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    const char *answer;
    aiohttp_form_data *form = aiohttp_form_data_new();
    int r = form ? aiohttp_form_data_add_field(form, "from", "an example") : -ENOMEM;
    for (; *paths && r >= 0; paths++)
        r = add_file(form, *paths);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .raise_for_status = 1);
    if (r >= 0)
        r = aiohttp_client_session_post(session, url, &response, .form = form,
                                        .progress = show_progress, .data = &percent);
    if (r >= 0) {
        r = aiohttp_client_response_text(response, &answer);
        if (r >= 0)
            printf("\n%s\n", answer);
        aiohttp_client_response_unref(response);
    }
    int closed = session ? aiohttp_client_session_close(session) : 0;
    aiohttp_client_session_unref(session);
    aiohttp_form_data_unref(form);
    return r < 0 ? r : closed;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s URL FILE...\n", argv[0]);
        return 2;
    }
    return asyncio_print_exception(asyncio_run(asyncio_coro(program, argv[1], argv + 2)));
}
