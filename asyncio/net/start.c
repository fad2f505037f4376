/* SPDX-License-Identifier: MIT */
/* asyncio_start_server, asyncio_start_unix_server: from what the caller wants to a server. */
#include "base/alloc.h"
#include "base/context.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/server.h"
#include "net/start_tls.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

/* What a server is to be bound to: addresses, or descriptors in place of them. */
struct places {
    struct addresses addresses;
    int descriptors[INHERITED_MAX];
    size_t descriptor_count;
    bool is_unix, is_inherited;
};

static struct asyncio_server *make(struct net *net, asyncio_client_connected *handler,
                                   asyncio_protocol_factory *factory,
                                   const asyncio_start_server_options *options, size_t listeners)
{
    struct asyncio_server *server =
        asyncio__calloc(1, sizeof *server + listeners * sizeof server->listeners[0]);
    if (!server)
        return NULL;
    server->net = net;
    server->handler = handler;
    server->factory = factory;
    server->options = *options;
    list_init(&server->link);
    list_init(&server->streams);
    list_init(&server->transports);
    list_init(&server->parked);
    list_init(&server->waiters);
    list_init(&server->idlers);
    list_init(&server->forever);
    asyncio__server_init_retry(server);
    server->refs = 1;
    if (asyncio__context_inherit(&server->context) < 0) {
        asyncio__free(server);
        return NULL;
    }
    return server;
}

static int check(bool has_handler, const asyncio_start_server_options *options)
{
    if (!has_handler)
        return asyncio_raise(-EINVAL, "a server needs a function that handles its connections");
    if (options->limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    return options->ssl ? asyncio__secure_check(&(struct secure)SECURE_SERVER(options)) : 0;
}

/* A server of those places. They are used up. */
static int open_at(struct net *net, asyncio_client_connected *handler,
                   asyncio_protocol_factory *factory, struct places *places,
                   const asyncio_start_server_options *options, bool removes_file,
                   asyncio_server **ret_server)
{
    size_t count = places->descriptor_count ? places->descriptor_count : places->addresses.count;
    struct asyncio_server *server = make(net, handler, factory, options, count);
    int r = -ENOMEM;
    if (server) {
        server->removes_file = removes_file;
        r = places->descriptor_count
                ? asyncio__server_adopt(server, places->descriptors, count, places->is_unix)
                : asyncio__server_bind(server, &places->addresses);
    }
    if (r >= 0 && options->start_serving && (r = asyncio__server_listen(server)) < 0)
        asyncio__server_drop_listeners(server, places->descriptor_count != 0);
    asyncio__free(places->addresses.items);
    if (r < 0 && places->is_inherited)
        asyncio__inherited_give_back(places->descriptors, places->descriptor_count);
    if (r < 0) {
        if (server) {
            asyncio_context_unref(server->context);
            asyncio__free(server);
        }
        return r;
    }
    asyncio_ssl_context_ref(server->options.ssl);
    list_append(&net->servers, &server->link);
    if (options->start_serving) {
        server->is_serving = true;
        asyncio__server_arm(server);
    }
    *ret_server = server;
    return 0;
}

/* Adds the addresses of one more host. */
static int add_host(struct net *net, const char *host, int port,
                    const struct resolve_hints *hints, struct addresses *all)
{
    struct addresses found;
    int r = asyncio__resolve(net, host, port, hints, &found);
    if (r < 0)
        return r;
    struct address *items =
        asyncio__realloc(all->items, (all->count + found.count) * sizeof *items);
    if (items) {
        memcpy(items + all->count, found.items, found.count * sizeof *items);
        all->items = items;
        all->count += found.count;
    }
    asyncio__free(found.items);
    return items ? 0 : -ENOMEM;
}

static int find_addresses(struct net *net, const char *host, int port,
                          const asyncio_start_server_options *options, struct addresses *all)
{
    struct resolve_hints hints = { options->family, 0, options->flags };
    if (!options->hosts)
        return add_host(net, host, port, &hints, all);
    int r = -EINVAL;
    for (const char *const *each = options->hosts; *each; each++)
        if ((r = add_host(net, *each, port, &hints, all)) < 0)
            break;
    return r;
}

int asyncio__server_start(asyncio_client_connected *handler, asyncio_protocol_factory *factory,
                          const char *host, int port, asyncio_server **ret_server,
                          const asyncio_start_server_options *options)
{
    struct net *net;
    int r = asyncio__net_of_task(&net);
    if (r >= 0)
        r = check(handler || factory, options);
    if (r < 0)
        return r;
    r = asyncio__host_or_sock(host || port || options->hosts,
                              options->listen_fds ? 0 : options->sock);
    if (r < 0)
        return r;
    if (host && options->hosts)
        return asyncio_raise(-EINVAL, "host and hosts can not be specified at the same time");
    struct places places = { .descriptor_count = 0 };
    if (options->sock >= 0) {
        places.descriptors[places.descriptor_count++] = options->sock;
    } else if (options->listen_fds) {
        r = asyncio__inherited_sockets(options->listen_fds, places.descriptors, INHERITED_MAX);
        places.descriptor_count = r < 0 ? 0 : (size_t)r;
        places.is_inherited = true;
    } else {
        r = find_addresses(net, host, port, options, &places.addresses);
    }
    if (r < 0) {
        asyncio__free(places.addresses.items);
        return r;
    }
    return open_at(net, handler, factory, &places, options, false, ret_server);
}

int(asyncio_start_server)(asyncio_client_connected *handler, const char *host, int port,
                          asyncio_server **ret_server, const asyncio_start_server_options *options)
{
    static const asyncio_start_server_options defaults = {
        .size = sizeof defaults,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .flags = ASYNCIO__DEFAULT_FLAGS,
        .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,
        SERVER_DEFAULTS
    };
    net_check_scopes(NET_CALLER());
    return asyncio__server_start(handler, NULL, host, port, ret_server,
                                 options ? options : &defaults);
}

/* The one address that a path is. */
static int find_path(const char *path, struct addresses *addresses)
{
    addresses->items = asyncio__calloc(1, sizeof *addresses->items);
    if (!addresses->items)
        return -ENOMEM;
    addresses->count = 1;
    int r = asyncio__address_of_path(path, addresses->items);
    if (r < 0) {
        asyncio__free(addresses->items);
        return asyncio_raise(r, "%s is no path of a socket: %s", path, asyncio_error_text(r));
    }
    return 0;
}

int asyncio__unix_server_start(asyncio_client_connected *handler, asyncio_protocol_factory *factory,
                               const char *path, asyncio_server **ret_server,
                               const asyncio_start_unix_server_options *options)
{
    struct net *net;
    asyncio_start_server_options common = {
        .size = sizeof common,
        .limit = options->limit,
        .stack_size = options->stack_size,
        .max_connections = options->max_connections,
        SERVER_OPTIONS(options),
    };
    int r = asyncio__net_of_task(&net);
    if (r >= 0)
        r = check(handler || factory, &common);
    if (r >= 0)
        r = asyncio__path_or_sock(path, options->sock,
                                  "path was not specified, and no sock specified");
    if (r < 0)
        return r;
    struct places places = { .is_unix = true };
    if (path)
        r = find_path(path, &places.addresses);
    else
        places.descriptors[places.descriptor_count++] = options->sock;
    return r < 0 ? r
                 : open_at(net, handler, factory, &places, &common, options->cleanup_socket != 0,
                           ret_server);
}

int(asyncio_start_unix_server)(asyncio_client_connected *handler, const char *path,
                               asyncio_server **ret_server,
                               const asyncio_start_unix_server_options *options)
{
    static const asyncio_start_unix_server_options defaults = {
        .size = sizeof defaults,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .cleanup_socket = ASYNCIO__DEFAULT_CLEANUP_SOCKET,
        SERVER_DEFAULTS
    };
    net_check_scopes(NET_CALLER());
    return asyncio__unix_server_start(handler, NULL, path, ret_server,
                                      options ? options : &defaults);
}

int asyncio_server_start_serving(asyncio_server *server)
{
    if (server->is_closed) /* it may have outlived its loop */
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "server is closed");
    int r = asyncio__loop_check(server->net->loop);
    if (r < 0 || server->is_serving)
        return r;
    r = asyncio__server_listen(server);
    if (r < 0)
        return r;
    server->is_serving = true;
    asyncio__server_arm(server);
    return 0;
}
