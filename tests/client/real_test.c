/* SPDX-License-Identifier: MIT */
/* Against servers and proxies of others, on free ports of this machine: nginx, Apache, haproxy,
 * Python's http.server, Node, tinyproxy. What is not installed is skipped. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
#include "client/client_test.h"

#include <asyncio/subprocess.h>
#include <asyncio/wait.h>
#include <sys/stat.h>

struct child {
    asyncio_process *process;
    char folder[64];
    int port, other; /* its own; that of a server behind it */
};

static int free_port(int *ret_port)
{
    asyncio_server *server;
    int r = asyncio_start_server(say_hello, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    *ret_port = asyncio_server_port(server);
    asyncio_server_close(server);
    r = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r;
}

static bool has(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* With `times` above 1 a number of 16 digits follows the other, else `text`: a line again and again
 * would be packed more tightly than a client believes. */
static int write_text(const char *folder, const char *name, const char *text, size_t times)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        return -errno;
    for (size_t i = 0; times > 1 && i < times; i++)
        fprintf(file, "%016zu\n", i * 2654435761u % 10000000000000000u);
    fputs(text, file);
    fclose(file);
    return 0;
}

/* Listens, sooner or later. */
static int wait_for_port(int port)
{
    for (int i = 0; i < 1200; i++) {
        asyncio_stream *stream;
        int r = asyncio_open_connection("127.0.0.1", port, &stream);
        if (r >= 0) {
            asyncio_stream_abort(stream);
            asyncio_stream_unref(stream);
            return 0;
        }
        if ((r = asyncio_sleep(0.025)) < 0)
            return r;
    }
    return -ETIME;
}

static int child_start(struct child *child, const char *const *arguments)
{
    int r = asyncio_create_subprocess_exec(arguments, &child->process,
                                           .std_out = ASYNCIO_SUBPROCESS_DEVNULL,
                                           .std_err = ASYNCIO_SUBPROCESS_DEVNULL,
                                           .cwd = child->folder);
    return r < 0 ? r : wait_for_port(child->port);
}

static int child_end(struct child *child, int result)
{
    char command[128];
    int code;
    if (child->process) {
        int r = asyncio_process_terminate(child->process);
        if (r >= 0)
            r = asyncio_process_wait(child->process, &code);
        asyncio_process_unref(child->process);
        result = result < 0 ? result : r < 0 ? r : 0;
    }
    snprintf(command, sizeof command, "rm -rf %s", child->folder);
    if (*child->folder && system(command) != 0)
        return -EIO;
    return result;
}

static int prepare(struct child *child)
{
    *child = (struct child){ .port = 0 };
    snprintf(child->folder, sizeof child->folder, "/tmp/aiohttp-real-XXXXXX");
    if (!mkdtemp(child->folder))
        return -errno;
    int r = chmod(child->folder, 0755) < 0 ? -errno : 0;
    if (r >= 0)
        r = write_text(child->folder, "index.html", "<p>hello</p>\n", 1);
    if (r >= 0)
        r = write_text(child->folder, "large.txt", "", 100000);
    return r < 0 ? r : free_port(&child->port);
}

/* --- what is asked of all of them --- */

static int get(aiohttp_client_session *session, const char *path, int status, size_t size)
{
    aiohttp_client_response *response;
    const char *body;
    size_t got;
    int r = aiohttp_client_session_get(session, path, &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, &got);
    if (r >= 0 && (aiohttp_client_response_status(response) != status || got != size)) {
        print_error("%s: %d with %zu bytes\n", path, aiohttp_client_response_status(response), got);
        r = -EPROTO;
    }
    aiohttp_client_response_unref(response);
    return r;
}

static int lines(aiohttp_client_session *session)
{
    aiohttp_client_response *response;
    const char *line;
    int n, count = 0;
    int r = aiohttp_client_session_get(session, "/large.txt", &response);
    if (r < 0)
        return r;
    while ((n = aiohttp_client_response_readline(response, &line)) > 0)
        count += n == 17;
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return n < 0 ? n : count == 100000 ? 0 : -EPROTO;
}

static int many(aiohttp_client_session *session)
{
    int r = 0;
    for (int i = 0; i < 20 && r >= 0; i++)
        r = get(session, "/index.html", 200, 13);
    return r;
}

static int use(int port, const char *proxy, bool keeps)
{
    aiohttp_client_session *session;
    aiohttp_client_response *response;
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d/", port);
    int r = aiohttp_client_session_new(&session, .base_url = base, .proxy = proxy);
    if (r < 0)
        return r;
    r = many(session);
    if (r >= 0)
        r = lines(session);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, "/nothing", &response);
        if (r >= 0) {
            r = aiohttp_client_response_status(response) == 404 ? 0 : -EPROTO;
            r = r < 0 ? r : aiohttp_client_response_release(response);
            aiohttp_client_response_unref(response);
        }
    }
    if (r >= 0) {
        r = aiohttp_client_session_head(session, "/large.txt", &response);
        if (r >= 0) {
            r = aiohttp_client_response_content_length(response) == 1700000 ||
                        aiohttp_client_response_header(response, "Content-Encoding")
                    ? 0
                    : -EPROTO;
            aiohttp_client_response_unref(response);
        }
    }
    if (r >= 0)
        r = asyncio_gather(asyncio_coro(many, session), asyncio_coro(many, session),
                           asyncio_coro(many, session), asyncio_coro(lines, session));
    aiohttp_connector_stats stats;
    aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    if (r >= 0 && keeps && stats.created > 20)
        r = -EPROTO;
    int closed = aiohttp_client_session_close(session);
    aiohttp_client_session_unref(session);
    return r < 0 ? r : closed;
}

static int nginx(void *data)
{
    struct child child;
    char text[2048];
    (void)data;
    int r = prepare(&child);
    snprintf(text, sizeof text,
             "daemon off; master_process off; pid %s/pid; error_log %s/log;\n"
             "events { worker_connections 256; }\n"
             "http { access_log off; root %s; keepalive_requests 7; gzip on; gzip_types text/plain;"
             " default_type text/plain; types { text/html html; }\n"
             " client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;"
             " uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
             " server { listen 127.0.0.1:%d; } }\n",
             child.folder, child.folder, child.folder, child.folder, child.folder, child.folder,
             child.folder, child.folder, child.port);
    if (r >= 0)
        r = write_text(child.folder, "conf", text, 1);
    snprintf(text, sizeof text, "%s/conf", child.folder);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("/usr/sbin/nginx", "-c", text));
    return child_end(&child, r >= 0 ? use(child.port, NULL, false) : r);
}

static int apache(void *data)
{
    struct child child;
    char text[2048];
    (void)data;
    int r = prepare(&child);
    snprintf(text, sizeof text,
             "ServerRoot %s\nPidFile %s/pid\nErrorLog %s/log\nListen 127.0.0.1:%d\n"
             "ServerName localhost\nDocumentRoot %s\n"
             "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n"
             "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
             "LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so\n"
             "LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so\n"
             "User nobody\nGroup nogroup\nMaxKeepAliveRequests 9\nSetOutputFilter DEFLATE\n",
             child.folder, child.folder, child.folder, child.port, child.folder);
    if (r >= 0)
        r = write_text(child.folder, "conf", text, 1);
    snprintf(text, sizeof text, "%s/conf", child.folder);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", text));
    return child_end(&child, r >= 0 ? use(child.port, NULL, false) : r);
}

static int python(void *data)
{
    struct child child;
    char port[8];
    (void)data;
    int r = prepare(&child);
    snprintf(port, sizeof port, "%d", child.port);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("python3", "-m", "http.server", "--bind", "127.0.0.1",
                                             port));
    return child_end(&child, r >= 0 ? use(child.port, NULL, false) : r);
}

/* The folder by Node's own server: chunks for a file, whose length HEAD tells all the same. */
static int node(void *data)
{
    static const char script[] =
        "const http = require('http'), fs = require('fs');\n"
        "http.createServer((request, response) => {\n"
        "  const name = '.' + request.url;\n"
        "  if (!fs.existsSync(name)) { response.statusCode = 404; return response.end('none'); }\n"
        "  if (request.method === 'HEAD')\n"
        "    response.setHeader('Content-Length', fs.statSync(name).size);\n"
        "  if (request.method === 'HEAD') return response.end();\n"
        "  fs.createReadStream(name).pipe(response);\n"
        "}).listen(Number(process.argv[1]), '127.0.0.1');\n";
    struct child child;
    char port[8];
    (void)data;
    int r = prepare(&child);
    snprintf(port, sizeof port, "%d", child.port);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("/usr/bin/node", "-e", script, port));
    return child_end(&child, r >= 0 ? use(child.port, NULL, true) : r);
}

/* --- in front of our own server --- */

static int page(aiohttp_web_request *request, void *data)
{
    static char large[1700001];
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (strcmp(path, "/index.html") == 0)
        return aiohttp_web_respond(request, "<p>hello</p>\n");
    if (strcmp(path, "/large.txt") != 0)
        return aiohttp_web_respond(request, "none", .status = 404);
    for (size_t i = 0; !large[0] && i < 100000; i++)
        memcpy(large + 17 * i, "\0" "123456789abcdef\n", 17);
    for (size_t i = 0; i < 100000; i++)
        large[17 * i] = '0';
    return aiohttp_web_respond_bytes(request, large, 1700000);
}

static int haproxy(void *data)
{
    struct child child;
    struct live live;
    char text[1024];
    (void)data;
    int r = live_start(&live, page);
    int prepared = prepare(&child);
    r = r < 0 ? r : prepared;
    snprintf(text, sizeof text,
             "global\n maxconn 100\n"
             "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
             "frontend f\n bind 127.0.0.1:%d\n default_backend b\n"
             "backend b\n server s 127.0.0.1:%d\n", child.port, live.port);
    if (r >= 0)
        r = write_text(child.folder, "conf", text, 1);
    snprintf(text, sizeof text, "%s/conf", child.folder);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("/usr/sbin/haproxy", "-db", "-f", text));
    return live_end(&live, child_end(&child, r >= 0 ? use(child.port, NULL, true) : r));
}

static int tinyproxy(void *data)
{
    struct child child;
    struct live live;
    char text[1024];
    (void)data;
    int r = live_start(&live, page);
    int prepared = prepare(&child);
    r = r < 0 ? r : prepared;
    snprintf(text, sizeof text, "Port %d\nListen 127.0.0.1\nTimeout 10\nAllow 127.0.0.1\n"
                                "MaxClients 50\nLogFile \"%s/log\"\n", child.port, child.folder);
    if (r >= 0)
        r = write_text(child.folder, "conf", text, 1);
    snprintf(text, sizeof text, "%s/conf", child.folder);
    if (r >= 0)
        r = child_start(&child, ASYNCIO_ARGS("/usr/bin/tinyproxy", "-d", "-c", text));
    snprintf(text, sizeof text, "http://127.0.0.1:%d", child.port);
    return live_end(&live, child_end(&child, r >= 0 ? use(live.port, text, false) : r));
}

static void against(program *what, const char *path)
{
    if ((path && !has(path)) || allocation_is_failing())
        skip();
    enter_world("plain", false, 0);
    int r = run_once(what, NULL);
    if (r < 0)
        fail_msg("%s", asyncio_error_name(r));
}

static void against_nginx(void **state)
{
    (void)state;
    against(nginx, "/usr/sbin/nginx");
}

static void against_apache(void **state)
{
    (void)state;
    against(apache, "/usr/sbin/apache2");
}

static void against_python(void **state)
{
    (void)state;
    against(python, NULL);
}

static void against_node(void **state)
{
    (void)state;
    against(node, "/usr/bin/node");
}

static void behind_haproxy(void **state)
{
    (void)state;
    against(haproxy, "/usr/sbin/haproxy");
}

static void through_tinyproxy(void **state)
{
    (void)state;
    against(tinyproxy, "/usr/bin/tinyproxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_nginx),  cmocka_unit_test(against_apache),
        cmocka_unit_test(against_python), cmocka_unit_test(against_node),
        cmocka_unit_test(behind_haproxy), cmocka_unit_test(through_tinyproxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
