/* SPDX-License-Identifier: MIT */
/* Forms to be sent: Python's FormData.
 *
 *     aiohttp_form_data *form = aiohttp_form_data_new();
 *     int r = aiohttp_form_data_add_field(form, "user", "name");
 *     r = aiohttp_form_data_add_field(form, "photo", bytes, .length = size, .filename = "me.png",
 *                                     .content_type = "image/png");
 *
 * MODEL      application/x-www-form-urlencoded until a field has a file's name, a type or a source:
 *            then multipart/form-data. Fields keep their order; names may come again.
 * CHECKS     No CR, LF or NUL in a name, a file's name or a type: -EINVAL.
 * OWNERSHIP  All is copied but sources, which are taken.
 * THREADS    One task at a time.
 * SOURCE     aiohttp's formdata.py; RFC 7578; WHATWG's HTML, 4.10.21.8, and URL, 5.2. */
#pragma once

#include <aiohttp/multipart.h>

ASYNCIO__BEGIN

typedef struct aiohttp_form_data aiohttp_form_data;

/* Makes an empty form: new, with one reference, or NULL without memory (or randomness for the
 * boundary). Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK aiohttp_form_data *aiohttp_form_data_new(void);

/* Gives the reference back (NULL allowed). Does not suspend. */
AIOHTTP_API void aiohttp_form_data_unref(aiohttp_form_data *form);

typedef struct aiohttp_form_data_field_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_form_data_field_options));
    const char *content_type ASYNCIO__0;
    const char *filename ASYNCIO__0;
    int64_t length ASYNCIO__DEFAULT(AIOHTTP_UNKNOWN_LENGTH); /* of the value; -1: up to its NUL */
    aiohttp_multipart_source *read ASYNCIO__0; /* gives the value, which is NULL then */
    void *source ASYNCIO__0;
    void (*destroy)(void *source) ASYNCIO__0; /* called once, with the source */
    int (*rewind)(void *source) ASYNCIO__0;   /* begins anew; NULL: it cannot */
} aiohttp_form_data_field_options;

/* Adds a field. With `.read` the value comes from a source, taken as by
 * aiohttp_multipart_writer_append_stream. -EINVAL: see CHECKS; no value and no source; once reading
 * began. -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_form_data_add_field(aiohttp_form_data *form, const char *name, const char *value,
                            const aiohttp_form_data_field_options *options);
#define aiohttp_form_data_add_field(...) aiohttp__form_data_add_field_m(__VA_ARGS__, )
#define aiohttp__form_data_add_field_m(form, name, value, ...)                                     \
    aiohttp__form_data_add_field_v(                                                                \
        form, name, value,                                                                         \
        ASYNCIO__OPTIONS(aiohttp_form_data_field_options, (.length = AIOHTTP_UNKNOWN_LENGTH, ),    \
                         __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int
aiohttp__form_data_add_field_v(aiohttp_form_data *form, const char *name, const char *value,
                               aiohttp_form_data_field_options options)
{
    return (aiohttp_form_data_add_field)(form, name, value, &options);
}

/* 1 when it is multipart. Does not suspend. */
AIOHTTP_API int aiohttp_form_data_is_multipart(const aiohttp_form_data *form);

/* The Content-Type of the body as it is now: lent until a field is added. Does not suspend. */
AIOHTTP_API const char *aiohttp_form_data_content_type(const aiohttp_form_data *form);

/* How many bytes the body has; -1 when a source did not tell. Does not suspend. */
AIOHTTP_API int64_t aiohttp_form_data_length(const aiohttp_form_data *form);

/* Puts the next 1 to `size` bytes of the body into `buffer`: how many; 0 at its end. Errors as
 * aiohttp_multipart_writer_read. Suspends as the sources do. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_form_data_read(aiohttp_form_data *form, void *buffer,
                                                          size_t size);

ASYNCIO__END
