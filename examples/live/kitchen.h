/* SPDX-License-Identifier: MIT */
/* Something to look at in the picture of the loop: a kitchen, which cooks as long as the
 * application runs. */
#pragma once

#include <aiohttp.h>

void kitchen_add(aiohttp_web_application *app);
