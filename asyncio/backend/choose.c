/* SPDX-License-Identifier: MIT */
/* Which backend a loop gets: what the caller or the environment names, else the best this machine allows. */
#include "backend/backend.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The best first; sim is only to be had by name. */
static const struct backend_type *const types[] = { &asyncio__backend_epoll, &asyncio__backend_sim };

static int make(const struct backend_type *type, const struct backend_limits *limits, struct backend **ret_backend)
{
    struct backend *backend = asyncio__calloc(1, type->size);
    if (!backend)
        return -ENOMEM;
    backend->type = type;
    int r = type->init(backend, limits);
    if (r < 0) {
        asyncio__free(backend);
        return r;
    }
    *ret_backend = backend;
    return 0;
}

static const struct backend_type *find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

int asyncio__backend_new(const char *wanted, const struct backend_limits *limits, struct backend **ret_backend,
                         const char **ret_reason)
{
    static const struct backend_limits defaults;
    const char *reason = "asked for by name";
    if (!wanted) {
        wanted = secure_getenv("ASYNCIO_BACKEND");
        reason = "asked for by ASYNCIO_BACKEND";
    }
    const struct backend_type *type = &asyncio__backend_epoll;
    if (wanted && *wanted) {
        type = find(wanted);
        if (!type)
            return -EINVAL;
    } else {
        reason = "the best this machine has";
    }
    int r = make(type, limits ? limits : &defaults, ret_backend);
    if (r >= 0 && ret_reason)
        *ret_reason = reason;
    return r;
}

void asyncio__backend_free(struct backend *backend)
{
    if (!backend)
        return;
    backend->type->fini(backend);
    asyncio__free(backend);
}
