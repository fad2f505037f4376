/* SPDX-License-Identifier: MIT */
/* Bodies that are sent a second time: forms and multipart bodies go back to their beginning. Who
 * sends them has a reference until then. */
#pragma once

#include <aiohttp/form.h>

/* 0; -ENOTSUP when a part came from a source, which cannot be read again. */
int aiohttp__multipart_writer_rewind(aiohttp_multipart_writer *writer);
int aiohttp__form_data_rewind(aiohttp_form_data *form);

/* One more reference; returns it. */
aiohttp_multipart_writer *aiohttp__multipart_writer_ref(aiohttp_multipart_writer *writer);
aiohttp_form_data *aiohttp__form_data_ref(aiohttp_form_data *form);
