/* SPDX-License-Identifier: MIT */
/* Answers that are files: aiohttp.web.FileResponse, add_static.
 *
 *     aiohttp_web_application_add_static(app, "/static", "public", .precompressed = 1);
 *
 * MODEL      The file is opened when the answer is set, and sent by sendfile where that is
 *            possible; a small one (some 3 KiB) goes out in one write with its head. It gets ETag
 *            and Last-Modified. If-Match, If-Unmodified-Since, If-None-Match and
 *            If-Modified-Since are looked at in this order (412, 304), then Range with If-Range
 *            (a strong tag, or the very date): one range is 206, several are
 *            multipart/byteranges, none that is in the file is 416.
 * DISK       A name that the kernel has in memory is opened at once, in a microsecond; another
 *            one by a thread of the loop's pool, while only its task waits. sendfile reads in the
 *            loop's thread, 1 MiB at a time at most, as in nginx: a disk that makes one wait for
 *            bytes (NFS, one that sleeps) holds up the loop; serve it by workers of its own.
 * FILES      Regular files only: anything else is 403, what is not there 404.
 * STATIC     Nothing outside of the directory is reached, whatever the path or a symbolic link
 *            says (openat2, RESOLVE_BENEATH). Names that begin with a dot are 404, and on no page
 *            of names, unless `.dot_files`.
 * SIBLINGS   With `.precompressed` "a.css.zst", ".br" and ".gz" beside "a.css" are sent in its
 *            place to whom accepts them, by q-values.
 * SOURCE     aiohttp's web_fileresponse.py, web_urldispatcher.py; RFC 9110, sections 13, 14. */
#pragma once

#include <aiohttp/web_application.h>
#include <aiohttp/web_response.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_file_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_file_options));
    const char *content_type ASYNCIO__0;    /* NULL: by the name's end */
    const char *const *headers ASYNCIO__0;  /* name, value, name, value, ..., NULL */
    int precompressed ASYNCIO__0;
} aiohttp_web_file_options;

/* Sets the answer to the file at `path`. 0, also for 304; -(AIOHTTP_HTTP + 403), 404, 412 or 416,
 * with the answer set; -ENOMEM, -EMFILE and so on. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_file_response(aiohttp_web_request *request, const char *path,
                          const aiohttp_web_file_options *options);

typedef struct aiohttp_web_static_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_static_options));
    const char *name ASYNCIO__0;            /* of the resource; its part is "filename" */
    int show_index ASYNCIO__0;              /* a page of a directory's names; else 403 */
    const char *index ASYNCIO__0;           /* what a directory shows if it has it: "index.html" */
    int break_symlink_sandbox ASYNCIO__0;   /* links may lead out of the directory */
    int dot_files ASYNCIO__0;
    int precompressed ASYNCIO__0;
    /* of each answer; borrowed as long as the application */
    const char *const *headers ASYNCIO__0;
} aiohttp_web_static_options;

/* Serves the files below `directory` under `prefix` ("/static"), for GET and HEAD. The directory
 * is opened now. Why it could not be, -ENOTDIR, and the errors of aiohttp_web_application_add_get;
 * they are remembered too. Does not suspend. */
AIOHTTP_API int aiohttp_web_application_add_static(aiohttp_web_application *app, const char *prefix,
                                                   const char *directory,
                                                   const aiohttp_web_static_options *options);

ASYNCIO_MUST_CHECK static inline int aiohttp__file_response_v(aiohttp_web_request *request,
                                                              const char *path,
                                                              aiohttp_web_file_options options)
{
    return aiohttp_web_file_response(request, path, &options);
}
static inline int aiohttp__add_static_v(aiohttp_web_application *app, const char *prefix,
                                        const char *directory, aiohttp_web_static_options options)
{
    return aiohttp_web_application_add_static(app, prefix, directory, &options);
}

ASYNCIO__END

#define aiohttp_web_file_response(...) aiohttp__file_response_m(__VA_ARGS__, )
#define aiohttp__file_response_m(request, path, ...)                                               \
    aiohttp__file_response_v(request, path,                                                        \
                             ASYNCIO__OPTIONS(aiohttp_web_file_options, (), __VA_ARGS__))
#define aiohttp_web_application_add_static(...) aiohttp__add_static_m(__VA_ARGS__, )
#define aiohttp__add_static_m(app, prefix, directory, ...)                                         \
    aiohttp__add_static_v(app, prefix, directory,                                                  \
                          ASYNCIO__OPTIONS(aiohttp_web_static_options, (), __VA_ARGS__))
