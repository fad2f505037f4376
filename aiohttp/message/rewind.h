/* SPDX-License-Identifier: MIT */
/* Bodies that are sent a second time: forms and multipart bodies go back to their beginning. */
#pragma once

#include <aiohttp/form.h>

/* 0; -ENOTSUP when a part came from a source, which cannot be read again. */
int aiohttp__multipart_writer_rewind(aiohttp_multipart_writer *writer);
int aiohttp__form_data_rewind(aiohttp_form_data *form);
