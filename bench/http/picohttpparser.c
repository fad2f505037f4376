/* SPDX-License-Identifier: MIT */
/* picohttpparser, as Debian's libh2o builds it in. The package has no header for it; this is its
 * documented interface. */
#include "requests.h"

struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);

static size_t parse(const char *request, size_t size)
{
    struct phr_header headers[64];
    const char *method, *path;
    size_t method_size, path_size, count = 64;
    int version;
    return (size_t)phr_parse_request(request, size, &method, &method_size, &path, &path_size,
                                     &version, headers, &count, 0);
}

int main(int count, char **arguments)
{
    return measure(count, arguments, parse);
}
