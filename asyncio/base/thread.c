/* SPDX-License-Identifier: MIT */
/* The thread's state: see thread.h. */
#include "base/thread.h"

_Thread_local struct thread_state asyncio__thread __attribute__((tls_model("initial-exec")));
