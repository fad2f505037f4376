/* SPDX-License-Identifier: MIT */
/* Runners and sites: where a server listens, and how it starts and ends. aiohttp's web_runner.py.
 *
 *     aiohttp_web_runner *runner;
 *     aiohttp_web_site *site;
 *     int r = aiohttp_web_app_runner_new(app, &runner);
 *     if (r >= 0)
 *         r = aiohttp_web_runner_setup(runner);
 *     if (r >= 0)
 *         r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 8080, &site);
 *     if (r >= 0)
 *         r = aiohttp_web_site_start(site);
 *     ...
 *     r = aiohttp_web_runner_cleanup(runner);
 *
 * MODEL      A runner (AppRunner, ServerRunner) owns a server and its sites (TCPSite, UnixSite,
 *            SockSite); any number of sites serve the same.
 * SHUTDOWN   cleanup: the sites stop listening; one turn of the loop; idle connections are closed;
 *            the application's on_shutdown; requests under way have until `shutdown_timeout`, then
 *            their handlers are cancelled; what is left is closed; the application's on_cleanup.
 *            One deadline is over all of it but the last.
 * RELOAD     Sockets that are inherited (`listen_fds`) or shared (`reuse_port`) let the next
 *            process listen before this one stops: no connection is refused in between. Several
 *            processes or threads, and their reload, are web_workers.h's.
 * OWNERSHIP  Counted. A runner keeps its sites until it is cleaned up.
 * THREADS    The loop it is set up in.
 * SOURCE     aiohttp's web_runner.py, web.py. */
#pragma once

#include <aiohttp/web_server.h>
#include <asyncio/server.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_runner aiohttp_web_runner;
typedef struct aiohttp_web_site aiohttp_web_site;
typedef struct aiohttp_web_application aiohttp_web_application;

#define AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT (-1.0)

typedef struct aiohttp_web_runner_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_runner_options));
    /* seconds; below 0: `shutdown_time` of the server's limits */
    double shutdown_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT);
    /* AppRunner: options of the server it makes; NULL: the defaults. `.data` and `.destroy` are not
     * looked at */
    const aiohttp_web_server_options *server ASYNCIO__0;
} aiohttp_web_runner_options;

/* A runner of an application (one more reference of it). ret_runner returns new. -EINVAL for a
 * timeout that is NaN, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_app_runner_new(aiohttp_web_application *app, aiohttp_web_runner **ret_runner,
                           const aiohttp_web_runner_options *options);

/* A runner of a low-level server (one more reference of it). As app_runner_new. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_server_runner_new(aiohttp_web_server *server, aiohttp_web_runner **ret_runner,
                              const aiohttp_web_runner_options *options);

/* Prepares: the application's on_startup and cleanup contexts. What was wrong when it was put
 * together is returned here. -ASYNCIO_INVALID_STATE the second time. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_runner_setup(aiohttp_web_runner *runner);

/* Ends all of it, see SHUTDOWN. 0; -ETIMEDOUT when handlers had to be cancelled; else the first
 * error of on_shutdown or on_cleanup. A second call does nothing. -ECANCELED: it ends at once.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_runner_cleanup(aiohttp_web_runner *runner);

/* Begins to end it for a successor on the same sockets: its sites accept no more, but close when it
 * is cleaned up; each answer from now on is its connection's last, and idle connections stay open
 * for a request that may be on its way. Cleaning up ends what is left. Does not suspend. */
AIOHTTP_API void aiohttp_web_runner_drain(aiohttp_web_runner *runner);

/* The server, lent; NULL before setup of an AppRunner. Does not suspend. */
AIOHTTP_API aiohttp_web_server *aiohttp_web_runner_server(const aiohttp_web_runner *runner);

/* Stores the sites that are started, at most `capacity`, lent, and returns how many there are. Does
 * not suspend. */
AIOHTTP_API size_t aiohttp_web_runner_sites(const aiohttp_web_runner *runner,
                                            aiohttp_web_site **ret_sites, size_t capacity);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_web_runner *aiohttp_web_runner_ref(aiohttp_web_runner *runner);

/* Gives a reference back; the last one of a runner that was not cleaned up closes its sites and
 * ends its connections at once. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_web_runner_unref(aiohttp_web_runner *runner);

typedef struct aiohttp_web_site_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_site_options));
    int backlog ASYNCIO__0;                         /* 0: that of the server's limits */
    int reuse_address ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_REUSE_ADDRESS);
    int reuse_port ASYNCIO__0;
    const char *const *hosts ASYNCIO__0;            /* several, NULL at the end; host is NULL */
    const char *listen_fds ASYNCIO__0;              /* as of asyncio_start_server */
    asyncio_ssl_context *ssl_context ASYNCIO__0;    /* TLS (one more reference) */
    double ssl_handshake_timeout ASYNCIO__0;        /* seconds; 0: 10 */
} aiohttp_web_site_options;

/* TCP: `host` NULL: all interfaces; `port` -1: 8080, by TLS 8443; 0: one that is free. Texts are
 * copied. ret_site returns new. -ASYNCIO_INVALID_STATE before setup, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_tcp_site_new(aiohttp_web_runner *runner, const char *host, int port,
                         aiohttp_web_site **ret_site, const aiohttp_web_site_options *options);

/* An AF_UNIX socket at `path`. As tcp_site_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_unix_site_new(aiohttp_web_runner *runner, const char *path, aiohttp_web_site **ret_site,
                          const aiohttp_web_site_options *options);

/* A bound stream socket, TCP or AF_UNIX: taken when the site starts. As tcp_site_new. Does not
 * suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_sock_site_new(aiohttp_web_runner *runner, int descriptor, aiohttp_web_site **ret_site,
                          const aiohttp_web_site_options *options);

/* Listens. The errors of asyncio_start_server; -ASYNCIO_INVALID_STATE when it has started.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_web_site_start(aiohttp_web_site *site);

/* Listens no more; connections live on. Does not suspend, where Python's does. */
AIOHTTP_API void aiohttp_web_site_stop(aiohttp_web_site *site);

/* "http://127.0.0.1:8080", "http://unix:/run/x.sock:"; with the port it really has. Lent. Does not
 * suspend. */
AIOHTTP_API const char *aiohttp_web_site_name(aiohttp_web_site *site);

/* The port it is bound to; -ASYNCIO_INVALID_STATE when it does not listen, -EAFNOSUPPORT without
 * one. Does not suspend. */
AIOHTTP_API int aiohttp_web_site_port(const aiohttp_web_site *site);

/* One more reference; returns it. NULL allowed. Does not suspend. */
AIOHTTP_API aiohttp_web_site *aiohttp_web_site_ref(aiohttp_web_site *site);

/* Gives a reference back. NULL allowed. Does not suspend. */
AIOHTTP_API void aiohttp_web_site_unref(aiohttp_web_site *site);

#define AIOHTTP__DEFAULT_RUN_PORT (-1)
#define AIOHTTP__DEFAULT_HANDLE_SIGNALS 1
#define AIOHTTP__DEFAULT_DRAIN_TIMEOUT 2.0

typedef struct aiohttp_web_run_app_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_web_run_app_options));
    const char *host ASYNCIO__0;                /* NULL: all interfaces, unless path or sock */
    const char *const *hosts ASYNCIO__0;        /* several, NULL at the end */
    int port ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_RUN_PORT);   /* -1: 8080, by TLS 8443 */
    const char *path ASYNCIO__0;                /* of an AF_UNIX socket */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    const char *listen_fds ASYNCIO__0;          /* as of asyncio_start_server */
    asyncio_ssl_context *ssl_context ASYNCIO__0;
    int backlog ASYNCIO__0;                         /* 0: that of the server's limits */
    int reuse_address ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_REUSE_ADDRESS);
    int reuse_port ASYNCIO__0;
    double shutdown_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT);
    /* SIGINT and SIGTERM end it gracefully */
    int handle_signals ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_HANDLE_SIGNALS);
    const aiohttp_web_server_options *server ASYNCIO__0;
    /* called with "http://127.0.0.1:8080" of each site when it listens, Python's print; NULL:
     * nobody is told */
    void (*print)(const char *site, void *data) ASYNCIO__0;
    void *print_data ASYNCIO__0;
    /* --- several loops: see web_workers.h --- */
    int workers ASYNCIO__0;     /* processes; 0: this one */
    int threads ASYNCIO__0;     /* of each; more than one needs .factory */
    /* makes the application, in the loop that runs it, in place of `app` (NULL): *ret_app is given
     * to who calls. Suspends if it likes */
    int (*factory)(aiohttp_web_application **ret_app, void *data) ASYNCIO__0;
    void *data ASYNCIO__0;      /* the second argument of the factory */
    /* seconds that a worker which is replaced keeps idle connections */
    double drain_timeout ASYNCIO__DEFAULT(AIOHTTP__DEFAULT_DRAIN_TIMEOUT);
    /* what SIGUSR2 runs: arguments, NULL at the end; the first is the program's path. Borrowed */
    const char *const *exec ASYNCIO__0;
    /* the supervisor tells what happens to its workers, a sentence without its end: "worker 2
     * (process 123) was ended by signal 9, and is replaced"; NULL: nobody is told */
    void (*report)(const char *text, void *data) ASYNCIO__0;
    void *report_data ASYNCIO__0;
} aiohttp_web_run_app_options;

/* Runs an application until SIGINT, SIGTERM or an error, and gives its reference back. 0 after a
 * signal; what was wrong with the application when it was put together; the errors of setup and
 * start; with `.workers` or `.threads` also those of aiohttp_web_run_workers; -EINVAL for an
 * application and a factory, or several threads without one; -ASYNCIO_LOOP_RUNNING inside a loop.
 * Blocks the thread. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_run_app(aiohttp_web_application *app, const aiohttp_web_run_app_options *options);

ASYNCIO_MUST_CHECK static inline int aiohttp__app_runner_v(aiohttp_web_application *app,
                                                           aiohttp_web_runner **ret_runner,
                                                           aiohttp_web_runner_options options)
{
    return aiohttp_web_app_runner_new(app, ret_runner, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__server_runner_v(aiohttp_web_server *server,
                                                              aiohttp_web_runner **ret_runner,
                                                              aiohttp_web_runner_options options)
{
    return aiohttp_web_server_runner_new(server, ret_runner, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__tcp_site_v(aiohttp_web_runner *runner,
                                                         const char *host, int port,
                                                         aiohttp_web_site **ret_site,
                                                         aiohttp_web_site_options options)
{
    return aiohttp_web_tcp_site_new(runner, host, port, ret_site, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__unix_site_v(aiohttp_web_runner *runner,
                                                          const char *path,
                                                          aiohttp_web_site **ret_site,
                                                          aiohttp_web_site_options options)
{
    return aiohttp_web_unix_site_new(runner, path, ret_site, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__sock_site_v(aiohttp_web_runner *runner,
                                                          int descriptor,
                                                          aiohttp_web_site **ret_site,
                                                          aiohttp_web_site_options options)
{
    return aiohttp_web_sock_site_new(runner, descriptor, ret_site, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__run_app_v(aiohttp_web_application *app,
                                                        aiohttp_web_run_app_options options)
{
    return aiohttp_web_run_app(app, &options);
}

ASYNCIO__END

#define AIOHTTP__RUNNER_OPTIONS(...)                                                               \
    ASYNCIO__OPTIONS(aiohttp_web_runner_options,                                                   \
                     (.shutdown_timeout = AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT, ), __VA_ARGS__)
#define aiohttp_web_app_runner_new(...) aiohttp__app_runner_m(__VA_ARGS__, )
#define aiohttp__app_runner_m(app, ret_runner, ...)                                                \
    aiohttp__app_runner_v(app, ret_runner, AIOHTTP__RUNNER_OPTIONS(__VA_ARGS__))
#define aiohttp_web_server_runner_new(...) aiohttp__server_runner_m(__VA_ARGS__, )
#define aiohttp__server_runner_m(server, ret_runner, ...)                                          \
    aiohttp__server_runner_v(server, ret_runner, AIOHTTP__RUNNER_OPTIONS(__VA_ARGS__))

#define AIOHTTP__SITE_OPTIONS(...)                                                                 \
    ASYNCIO__OPTIONS(aiohttp_web_site_options,                                                     \
                     (.reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS, ), __VA_ARGS__)
#define aiohttp_web_tcp_site_new(...) aiohttp__tcp_site_m(__VA_ARGS__, )
#define aiohttp__tcp_site_m(runner, host, port, ret_site, ...)                                     \
    aiohttp__tcp_site_v(runner, host, port, ret_site, AIOHTTP__SITE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_unix_site_new(...) aiohttp__unix_site_m(__VA_ARGS__, )
#define aiohttp__unix_site_m(runner, path, ret_site, ...)                                          \
    aiohttp__unix_site_v(runner, path, ret_site, AIOHTTP__SITE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_sock_site_new(...) aiohttp__sock_site_m(__VA_ARGS__, )
#define aiohttp__sock_site_m(runner, sock, ret_site, ...)                                          \
    aiohttp__sock_site_v(runner, sock, ret_site, AIOHTTP__SITE_OPTIONS(__VA_ARGS__))
#define aiohttp_web_run_app(...) aiohttp__run_app_m(__VA_ARGS__, )
#define aiohttp__run_app_m(app, ...)                                                               \
    aiohttp__run_app_v(app, AIOHTTP__RUN_APP_OPTIONS(__VA_ARGS__))
#define AIOHTTP__RUN_APP_OPTIONS(...)                                                              \
    ASYNCIO__OPTIONS(aiohttp_web_run_app_options,                                                  \
                     (.port = AIOHTTP__DEFAULT_RUN_PORT, .sock = ASYNCIO__DEFAULT_SOCK,            \
                      .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,                             \
                      .shutdown_timeout = AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT,                       \
                      .drain_timeout = AIOHTTP__DEFAULT_DRAIN_TIMEOUT,                             \
                      .handle_signals = AIOHTTP__DEFAULT_HANDLE_SIGNALS, ),                        \
                     __VA_ARGS__)
