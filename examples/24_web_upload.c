/* SPDX-License-Identifier: MIT */
/* Files by a form: a page with a form, what was sent so far, and each file to look at or take away.
 *
 *     ./24_web_upload 8080 FOLDER       then http://127.0.0.1:8080/; port 0: one that is free
 *
 * A form is read by aiohttp_web_request_post: its texts, and its files, which are in memory or in a
 * temporary file as long as the request. What a file is called was said by the browser, so it is
 * only shown; on the disk it is a number. After a POST a redirect (303): reloading sends nothing
 * twice. */
#include <aiohttp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 100
#define FORM_MAX (64 << 20)

struct shown {
    int number;
    char *title, *filename, *content_type;
    int64_t length;
};

struct album {
    const char *folder;
    struct shown files[FILES_MAX];
    int count;
};

static const char top[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Files</title>\n<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; "
    "padding: 0 1rem; }\n"
    "form { display: grid; gap: .75rem; padding: 1rem; border: 1px solid #8886; "
    "border-radius: .5rem; }\n"
    "label { display: grid; gap: .25rem; }\n"
    "input, button { font: inherit; padding: .4rem .6rem; }\n"
    "li { margin: .75rem 0; }\nimg { max-width: 8rem; max-height: 8rem; display: block; }\n"
    "small { opacity: .75; }\n</style>\n"
    "<h1>Files</h1>\n"
    "<form method=\"post\" enctype=\"multipart/form-data\">\n"
    "<label>Title <input name=\"title\" required maxlength=\"100\"></label>\n"
    "<label>Files <input type=\"file\" name=\"file\" multiple required></label>\n"
    "<button>Send</button>\n</form>\n<ol>\n";

static int write_text(aiohttp_web_response *response, const char *text)
{
    return text ? aiohttp_web_response_write(response, text, strlen(text)) : -ENOMEM;
}

static int write_file(aiohttp_web_response *response, const struct shown *file)
{
    const char *image = "";
    if (strncmp(file->content_type, "image/", 6) == 0)
        image = asyncio_printf("<img src=\"/files/%d\" alt=\"\">", file->number);
    const char *title = aiohttp_html_escape(file->title);
    const char *name = aiohttp_html_escape(file->filename);
    if (!image || !title || !name)
        return -ENOMEM;
    return write_text(response, asyncio_printf("<li>%s<a href=\"/files/%d\">%s</a><br>"
                                               "<small>%s, %lld bytes</small></li>\n",
                                               image, file->number, title, name,
                                               (long long)file->length));
}

/* GET /: written piece by piece, however long it is. */
static int page(aiohttp_web_request *request, void *data)
{
    const struct album *album = data;
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_set_content_type(response, "text/html; charset=utf-8");
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    if (r >= 0)
        r = write_text(response, top);
    for (int i = 0; i < album->count && r >= 0; i++)
        r = write_file(response, &album->files[i]);
    return r < 0 ? r : write_text(response, "</ol>\n</html>\n");
}

static int keep(struct album *album, const char *title, const aiohttp_web_file_field *file)
{
    char path[4096];
    struct shown *shown = &album->files[album->count];
    if (album->count == FILES_MAX)
        return -ENOSPC;
    *shown = (struct shown){ .number = album->count + 1, .length = file->length };
    snprintf(path, sizeof path, "%s/%d", album->folder, shown->number);
    shown->title = strdup(title);
    shown->filename = strdup(file->filename);
    shown->content_type = strdup(file->content_type);
    int r = shown->title && shown->filename && shown->content_type ? 0 : -ENOMEM;
    if (r >= 0)
        album->count++; /* before it waits: somebody else may be at the same */
    return r < 0 ? r : aiohttp_web_file_field_save(file, path);
}

/* POST / */
static int receive(aiohttp_web_request *request, void *data)
{
    const aiohttp_multi_dict *form;
    const aiohttp_web_file_field *file;
    int r = aiohttp_web_request_post(request, &form);
    if (r < 0)
        return r; /* 400, 413 or 415, with a page that says so */
    const char *title = aiohttp_multi_dict_get(form, "title");
    if (!title || !*title || !aiohttp_web_request_file(request, "file"))
        return aiohttp_web_http_bad_request(request, .text = "A title and a file, please.\n");
    for (size_t at = 0; r >= 0 && aiohttp_web_request_file_next(request, &at, &file) > 0;)
        r = keep(data, title, file);
    if (r == -ENOSPC)
        return aiohttp_web_http_insufficient_storage(request);
    return r < 0 ? r : aiohttp_web_http_see_other(request, "/");
}

/* GET /files/N: what is no picture is not shown as a page of this site's. */
static int send_file(aiohttp_web_request *request, void *data)
{
    char path[4096];
    const struct album *album = data;
    const char *text = aiohttp_web_request_match_info(request, "number");
    long number = text ? strtol(text, NULL, 10) : 0; /* the route lets nothing but digits in */
    if (number < 1 || number > album->count)
        return aiohttp_web_http_not_found(request);
    const char *type = album->files[number - 1].content_type;
    int is_picture = strcmp(type, "image/png") == 0 || strcmp(type, "image/jpeg") == 0;
    const char *const headers[] = { "X-Content-Type-Options", "nosniff", "Content-Disposition",
                                    is_picture ? "inline" : "attachment", NULL };
    snprintf(path, sizeof path, "%s/%ld", album->folder, number);
    return aiohttp_web_file_response(request, path, .headers = headers,
                                     .content_type =
                                         is_picture ? type : "application/octet-stream");
}

static void say(const char *site, void *data)
{
    (void)data;
    printf("serving on %s\n", site);
    fflush(stdout);
}

int main(int count, char **words)
{
    static struct album album;
    char *end = "";
    long port = count > 1 ? strtol(words[1], &end, 10) : 8080;
    album.folder = count > 2 ? words[2] : ".";
    if (*end || port < 0 || port > 65535) {
        fprintf(stderr, "%s is no port\n", words[1]);
        return 2;
    }
    if (access(album.folder, W_OK) < 0) { /* said now, and not when the first file has come */
        fprintf(stderr, "nothing can be kept in %s: %s\n", album.folder, strerror(errno));
        return 2;
    }
    aiohttp_web_application *app = aiohttp_web_application_new(.client_max_size = FORM_MAX);
    aiohttp_web_application_add_get(app, "/", page, .data = &album);
    aiohttp_web_application_add_post(app, "/", receive, .data = &album);
    aiohttp_web_application_add_get(app, "/files/{number:[0-9]{1,4}}", send_file, .data = &album);
    int r = aiohttp_web_run_app(app, .host = "127.0.0.1",
                                .port = (int)port, .print = say);
    while (album.count--) {
        free(album.files[album.count].title);
        free(album.files[album.count].filename);
        free(album.files[album.count].content_type);
    }
    return asyncio_print_exception(r);
}
