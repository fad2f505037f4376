/* SPDX-License-Identifier: MIT */
/* The path of a resource: "/users/{name}/{file:.*}".
 *
 * MODEL      Literal parts and names. Where every name ends at a '/' or at the end, a path is
 *            compared part by part; else the whole becomes one pattern (pattern.h). Paths of
 *            requests are compared in the form that aiohttp__unquote gives with UNQUOTE_PATH_SAFE:
 *            decoded, but for "%2F" and "%25". So is what a resource was given.
 * OWNERSHIP  All lies in the arena it was made in. */
#pragma once

#include "base/bytes.h"
#include "web/pattern.h"

struct path_part {
    struct span literal; /* decoded; of a name empty */
    const char *name;    /* NULL: it is a literal */
    bool has_pattern;
};

struct route_path {
    const char *canonical;   /* as it was given, without the patterns */
    struct span key;         /* its literal beginning, up to but not with the last '/'; or "/" */
    struct path_part *parts;
    size_t count, names;
    bool is_key;                   /* there is nothing but the key */
    bool is_rest;                  /* a first literal, and {name:.*} */
    const struct pattern *pattern; /* of what follows a first literal; NULL: by parts */
};

/* 0; -EINVAL and *ret_why a sentence; -ENOMEM. */
int aiohttp__path_make(struct arena *arena, const char *text, struct route_path *ret_path,
                       const char **ret_why);

/* 1, and the values of its names (PATTERN_NAMES at most), pieces of `path`; 0; -ENOMEM. */
int aiohttp__path_match(const struct route_path *self, struct span path, struct arena *arena,
                        struct span *values);

/* Which name it is, or -1. */
int aiohttp__path_name(const struct route_path *self, const char *name);

/* Appends it with `values` (name, value, ..., NULL; or NULL) in place of the names, encoded. 0;
 * -EINVAL for a name without a value, or values with which it would not match. out->error is the
 * caller's to look at. */
int aiohttp__path_build(const struct route_path *self, const char *const *values,
                        struct bytes *out);
