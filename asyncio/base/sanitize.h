/* SPDX-License-Identifier: MIT */
/* Which sanitizer this is compiled for. */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define ASYNCIO__SANITIZE_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__)
#define ASYNCIO__SANITIZE_THREAD 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(ASYNCIO__SANITIZE_ADDRESS)
#define ASYNCIO__SANITIZE_ADDRESS 1
#endif
#if __has_feature(thread_sanitizer) && !defined(ASYNCIO__SANITIZE_THREAD)
#define ASYNCIO__SANITIZE_THREAD 1
#endif
#endif
