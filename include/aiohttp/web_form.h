/* SPDX-License-Identifier: MIT */
/* Forms that a browser has sent: aiohttp.web.Request's post() and multipart().
 *
 *     const aiohttp_multi_dict *form;
 *     int r = aiohttp_web_request_post(request, &form);
 *     if (r < 0)
 *         return r;
 *     const char *title = aiohttp_multi_dict_get(form, "title");
 *     const aiohttp_web_file_field *photo = aiohttp_web_request_file(request, "photo");
 *     if (photo)
 *         r = aiohttp_web_file_field_save(photo, "/srv/photos/new");
 *
 * MODEL      post reads the whole body: application/x-www-form-urlencoded or multipart/form-data;
 *            of any other type, and of methods that have no form (GET, HEAD), the form is empty.
 *            Its texts are a multi-dict; its files, the parts with a file's name, are asked for by
 *            themselves. multipart reads part by part as they come, and keeps nothing.
 * FILES      Small ones stay in memory, larger ones are written to a temporary file that has no
 *            name and goes with the request. What a file is called was said by the peer:
 *            "../../etc/passwd" too. Use it as text, never as a path.
 * LIMITS     client_max_size counts the body as it comes, all of it, files too:
 *            -(AIOHTTP_HTTP + 413), as soon as it is exceeded. Parts, and the fields of an
 *            urlencoded form: `parts` of the limits, + 400.
 * CODINGS    A part's Content-Transfer-Encoding is undone: base64, quoted-printable. It has no
 *            Content-Encoding: the field is passed over (RFC 7578, 4.8).
 * CHARSETS   Texts become UTF-8, of the charset that their part's, or else an urlencoded form's,
 *            Content-Type says (as aiohttp_web_request_text); not of UTF-16 in the latter. What is
 *            malformed in an urlencoded form is U+FFFD, as in Python.
 * REFUSED    Parts within parts, other transfer codings of a part, a charset that is not known:
 *            + 415. A part without a name, text of a part that is malformed in its charset, base64
 *            that is none, a NUL in another charset than UTF-8, a body that ends too early: + 400.
 *            Each may simply be returned by the handler.
 * OWNERSHIP  All of it is the request's, and lent as long as that.
 * SOURCE     aiohttp's web_request.py; RFC 7578. */
#pragma once

#include <aiohttp/multi_dict.h>
#include <aiohttp/multipart.h>
#include <aiohttp/web_request.h>

ASYNCIO__BEGIN

#define AIOHTTP__DEFAULT_FILE_IN_MEMORY 65536

typedef struct aiohttp_web_post_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_post_options));
    /* a larger file goes to the disk; bytes */
    size_t file_in_memory ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_FILE_IN_MEMORY);
    const char *directory ASYNCIO__0; /* of temporary files; NULL: $TMPDIR, else "/tmp" */
} aiohttp_web_post_options;

/* Reads the form: *ret_form has its texts (NULL: not wanted). Called again it gives the same. The
 * errors of aiohttp_web_request_read and those above; -ENOSPC and so on when a file could not be
 * kept; -ASYNCIO_INVALID_STATE once the body was read in pieces. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_request_post(aiohttp_web_request *request, const aiohttp_multi_dict **ret_form,
                         const aiohttp_web_post_options *options);

/* A file of a form: Python's FileField. */
typedef struct aiohttp_web_file_field {
    const char *name;               /* of the field */
    const char *filename;           /* as the peer has called it, never "" */
    const char *content_type;       /* as the peer has said, or "application/octet-stream" */
    const aiohttp_headers *headers; /* of its part */
    int64_t length;                 /* bytes */
    const char *data;               /* all of it, with a NUL behind; NULL: it is on the disk */
    int descriptor;                 /* of the temporary file; -1: it is in memory */
} aiohttp_web_file_field;

/* The first file of that name of the form that post has read; NULL when there is none, or nobody
 * has chosen one: that is an empty text. Does not suspend. */
AIOHTTP_API const aiohttp_web_file_field *aiohttp_web_request_file(aiohttp_web_request *request,
                                                                   const char *name);

/* Goes through all files: *position is 0 at first and the library's afterwards. 1 and the file; 0
 * after the last one. Does not suspend. */
AIOHTTP_API int aiohttp_web_request_file_next(aiohttp_web_request *request, size_t *position,
                                              const aiohttp_web_file_field **ret_file);

/* Puts up to `size` bytes from `offset` on into `buffer`: how many; 0 at its end. -EINVAL for an
 * offset below 0; -EIO, -ENOMEM, -ECANCELED. Suspends when the file is on the disk. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_file_field_read(const aiohttp_web_file_field *file, int64_t offset, void *buffer,
                            size_t size);

/* Writes it to a new file at `path`, which is the caller's choice. -EEXIST when there is one;
 * -EACCES, -ENOSPC and so on, and then there is none; -ENOMEM, -ECANCELED. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_file_field_save(const aiohttp_web_file_field *file, const char *path);

/* A reader of the body's parts, lent: it ends with the request. Called again it gives the same. Its
 * limits are the server's, with client_max_size for what is kept by
 * aiohttp_body_part_reader_read; what comes in chunks has no limit but the handler's own. Of its
 * errors those that are the peer's are -(AIOHTTP_HTTP + 400), + 413 and those of
 * aiohttp_web_request_content_read. + 415 when the body is no multipart; -ASYNCIO_INVALID_STATE
 * once the body was read; -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_request_multipart(aiohttp_web_request *request, aiohttp_multipart_reader **ret_reader);

ASYNCIO_MUST_CHECK static inline int
aiohttp__web_request_post_v(aiohttp_web_request *request, const aiohttp_multi_dict **ret_form,
                            aiohttp_web_post_options options)
{
    return aiohttp_web_request_post(request, ret_form, &options);
}

ASYNCIO__END

#define aiohttp_web_request_post(...) aiohttp__web_request_post_m(__VA_ARGS__, )
#define aiohttp__web_request_post_m(request, ret_form, ...)                                        \
    aiohttp__web_request_post_v(                                                                   \
        request, ret_form,                                                                         \
        ASYNCIO__OPTIONS(aiohttp_web_post_options,                                                 \
                         (.file_in_memory = AIOHTTP__DEFAULT_FILE_IN_MEMORY, ), __VA_ARGS__))
