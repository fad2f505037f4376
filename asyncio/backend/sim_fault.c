/* SPDX-License-Identifier: MIT */
/* Which errors chance brings on in the sim backend, and how it is said what has happened. */
#include "backend/sim.h"

#include <errno.h>

const char *const asyncio__sim_event_names[SIM_EVENTS] = {
    [SIM_SHORT] = "short transfers",
    [SIM_LATER] = "completions put off",
    [SIM_OVERTAKES] = "completions that overtake others",
    [SIM_FULL] = "sockets full for a moment",
    [SIM_CANCEL_LATE] = "cancellations that take effect later",
    [SIM_CANCEL_LOST] = "results that came though cancelled",
    [SIM_NO_ACCEPT] = "no descriptor for an accepted connection",
    [SIM_JOB_LATER] = "thread jobs that others overtake",
    [SIM_NO_OPCODE] = "operations that the backend does not have",
    [SIM_RESET] = "connections reset",
    [SIM_ABORT] = "connections reset before they were accepted",
    [SIM_LOST] = "datagrams lost",
    [SIM_TWICE] = "datagrams that came twice",
    [SIM_SHUFFLED] = "datagrams overtaken by others",
    [SIM_NO_SOCKET] = "no descriptor for a socket",
    [SIM_NO_CONNECTION] = "connections that failed",
    [SIM_NO_BUFFERS] = "no buffers for a send",
    [SIM_FILE_SHORT] = "short transfers of files",
    [SIM_FILE_FAILED] = "errors of files",
    [SIM_NO_NAME] = "name servers that failed",
    [SIM_HANGS] = "thread jobs and look-ups that hung",
};

#define ONE_OF(sim, errors) (errors)[sim_draw(sim) % (sizeof(errors) / sizeof *(errors))]

int asyncio__sim_socket_fault(struct sim *sim)
{
    static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
    return fault_happens(sim, FAULT_SOCKET, SIM_NO_SOCKET, 8) ? -ONE_OF(sim, errors) : 0;
}

int asyncio__sim_connect_fault(struct sim *sim)
{
    static const int errors[] = { ECONNREFUSED, ETIMEDOUT,    ENETUNREACH, EHOSTUNREACH,
                                  ECONNRESET,   EADDRNOTAVAIL };
    return fault_happens(sim, FAULT_CONNECT, SIM_NO_CONNECTION, 8) ? -ONE_OF(sim, errors) : 0;
}
