/* SPDX-License-Identifier: MIT */
/* Authorization: Basic: see basic.h. */
#include "wire/basic.h"

#include "wire/ascii.h"
#include "wire/base64.h"

#include <errno.h>

/* What is encoded at once: three bytes, so that nothing is written twice and nothing is kept. */
static size_t put(struct bytes *out, char three[3], size_t count, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        three[count++] = text.data[i];
        if (count == 3) {
            aiohttp__base64_write(out, (struct span){ three, 3 });
            count = 0;
        }
    }
    return count;
}

static bool is_wrong(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (ascii_is_control(text.data[i]))
            return true;
    return false;
}

void aiohttp__basic_write(struct bytes *out, struct span user, struct span password)
{
    char three[3];
    if (is_wrong(user) || is_wrong(password) ||
        (user.size > 0 && memchr(user.data, ':', user.size))) {
        out->error = out->error ? out->error : -EINVAL;
        return;
    }
    bytes_text(out, "Basic ");
    size_t count = put(out, three, 0, user);
    count = put(out, three, count, SPAN(":"));
    count = put(out, three, count, password);
    if (count > 0)
        aiohttp__base64_write(out, (struct span){ three, count });
}

int aiohttp__basic_read(struct bytes *out, struct span field, struct span *ret_user,
                        struct span *ret_password)
{
    size_t from = out->size;
    field = ascii_trim(field);
    if (field.size < 6 || !span_is_case((struct span){ field.data, 6 }, SPAN("Basic ")))
        return -EINVAL;
    int r = aiohttp__base64_read(
        out, ascii_trim((struct span){ field.data + 6, field.size - 6 }));
    if (r < 0 || out->error)
        return r < 0 ? r : out->error;
    struct span both = bytes_since(out, from);
    const char *colon = both.size > 0 ? memchr(both.data, ':', both.size) : NULL;
    if (!colon || is_wrong(both))
        return -EINVAL;
    *ret_user = (struct span){ both.data, (size_t)(colon - both.data) };
    *ret_password = (struct span){ colon + 1, both.size - ret_user->size - 1 };
    return 0;
}
