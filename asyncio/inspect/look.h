/* SPDX-License-Identifier: MIT */
/* A look into a flow that does not run, from the stack of who looks.
 *
 * MODEL   asyncio__look(sp, visit, argument) calls visit(argument) on the caller's own stack, but
 *         its call-frame information says that it was called from where the suspended flow waits.
 *         So an unwinder started in `visit` sees the frames of that flow: nothing is switched, not
 *         a byte of the flow's stack is needed or touched, however full it is, and sanitizers have
 *         nothing to be told.
 * KNOWS   how a suspended flow's registers lie at `sp` (coro/switch_<cpu>.S draws it). */
#pragma once

/* `sp`: a suspended struct coro's. `visit` must return, not throw. */
void asyncio__look(const void *sp, void (*visit)(void *argument), void *argument);
