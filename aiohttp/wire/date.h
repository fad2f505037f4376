/* SPDX-License-Identifier: MIT */
/* Dates (RFC 9110, 5.6.7), read; written they are by aiohttp__date_text of wire/write.h. Pure: the
 * present time, where it matters, is told. Seconds are since 1970, without leap seconds. */
#pragma once

#include "base/span.h"

#include <stdint.h>

/* One of the three forms: IMF-fixdate, RFC 850's (whose two digits are the year within 50 years of
 * `now`), asctime's. 0 or -EINVAL: another form, a day that the month does not have. Whether it was
 * that day of the week is not asked. */
int aiohttp__date_parse(struct span text, int64_t now, int64_t *ret_seconds);

/* The date of a cookie (RFC 6265, 5.1.1): anything that has a time, day, month and year. 0 or
 * -EINVAL. */
int aiohttp__date_parse_cookie(struct span text, int64_t *ret_seconds);
