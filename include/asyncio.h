/* SPDX-License-Identifier: MIT */
/* libasyncio: Python's asyncio for C. All of it; each header is the manual of its part. */
#pragma once

#include <asyncio/alloc.h>
#include <asyncio/call_graph.h>
#include <asyncio/connect.h>
#include <asyncio/context.h>
#include <asyncio/coroutine.h>
#include <asyncio/coroutine_type.h>
#include <asyncio/datagram.h>
#include <asyncio/dump.h>
#include <asyncio/error.h>
#include <asyncio/exit_stack.h>
#include <asyncio/file.h>
#include <asyncio/future.h>
#include <asyncio/lock.h>
#include <asyncio/loop.h>
#include <asyncio/names.h>
#include <asyncio/pipe.h>
#include <asyncio/protocol.h>
#include <asyncio/queue.h>
#include <asyncio/runner.h>
#include <asyncio/server.h>
#include <asyncio/ssl.h>
#include <asyncio/socket.h>
#include <asyncio/stream.h>
#include <asyncio/subprocess.h>
#include <asyncio/subprocess_transport.h>
#include <asyncio/task.h>
#include <asyncio/task_group.h>
#include <asyncio/thread_queue.h>
#include <asyncio/threads.h>
#include <asyncio/timeout.h>
#include <asyncio/transport.h>
#include <asyncio/wait.h>
#include <asyncio/watchdog.h>
