/* SPDX-License-Identifier: MIT */
/* Kernel TLS: by a kernel of this program's own (ktls_fake.h), which can fail in each way, and,
 * with ASYNCIO_TEST_KTLS=real, by the machine's (make ktls). That a kernel can is found out once
 * for a process: each kind of kernel gets one. */
/* TEST: backends io_uring epoll; timeout 300; not allocations valgrind */
#include "net/tls_test.h"

#include "net/ktls_fake.h"
#include "net/tls.h"
#include "support/sweep.h"

#include <asyncio.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

static struct {
    asyncio_ssl_version version;
    const char *ciphers;             /* of that version, or NULL */
    bool is_wanted;
} kind = { ASYNCIO_SSL_TLSV1_3, NULL, true };

static const char marker[] = "this must not be seen on its way;";
static char *content;
static size_t content_size;

static int make_file(size_t size)
{
    char name[] = "/tmp/asyncio-ktls-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    free(content);
    content = malloc(size + 1);
    content_size = size;
    for (size_t i = 0; i < size; i++)
        content[i] = i / 33 % 8 ? (char)(i * 7 + i / 251) : marker[i % 33];
    if (write(file, content, size) != (ssize_t)size)
        return -EIO;
    return file;
}

static int set_up(asyncio_ssl_context *context)
{
    int r = asyncio_ssl_context_set_options(context,
                                            kind.is_wanted ? ASYNCIO_SSL_OP_ENABLE_KTLS : 0);
    if (r >= 0)
        r = asyncio_ssl_context_set_maximum_version(context, kind.version);
    if (r < 0 || !kind.ciphers)
        return r;
    if (kind.version == ASYNCIO_SSL_TLSV1_2)
        return asyncio_ssl_context_set_ciphers(context, kind.ciphers);
    return SSL_CTX_set_ciphersuites(context->ctx, kind.ciphers) == 1 ? 0 : -EINVAL;
}

static int make_contexts(struct tls_pair *tls)
{
    int r = server_context(certificates()->server, &tls->server);
    if (r >= 0)
        r = client_context(&tls->client);
    if (r >= 0)
        r = set_up(tls->server);
    return r >= 0 ? set_up(tls->client) : r;
}

static int open_pair(struct tls_pair *tls)
{
    *tls = (struct tls_pair){ .server = NULL };
    struct pair *pair = &tls->pair;
    int r = make_contexts(tls);
    if (r >= 0)
        r = asyncio_future_new(&pair->accepted);
    if (r >= 0)
        r = asyncio_future_new(&pair->finished);
    if (r >= 0)
        r = asyncio_start_server(pair_handler, "127.0.0.1", 0, &pair->server, .data = pair,
                                 .ssl = tls->server);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(pair->server), &pair->a,
                                    .ssl = tls->client);
    return r >= 0 ? asyncio_await(pair->accepted) : r;
}

static int run_pair(void *data)
{
    const struct pair_program *what = data;
    struct tls_pair tls;
    int r = open_pair(&tls);
    if (r >= 0)
        r = what->body(&tls.pair);
    r = pair_close(&tls.pair, r);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    return r;
}

/* As it comes, and in pieces: of more than a byte, each being a record. */
static void with_kernel_pair(pair_body *body)
{
    struct pair_program what = { body, 65536 };
    for (int is_chopped = 0; is_chopped < 2; is_chopped++) {
        enter_world(is_chopped ? "chopped" : "plain", is_chopped, 0);
        if (is_chopped)
            setenv("ASYNCIO_MAX_IO_BYTES", "777", 1);
        int r = run_once(run_pair, &what);
        if (r != 0)
            fail_msg("%s: %s (%s)", world.name, asyncio_error_name(r),
                     asyncio_last_error(r) ? asyncio_last_error(r)->text : "-");
    }
    enter_world("plain", false, 0);
}

static int is_in_kernel(const asyncio_stream *stream)
{
    char text[4];
    int r = asyncio_stream_get_extra_info(stream, "ktls_send", text, sizeof text);
    return r < 0 ? r : text[0] == '1';
}

static int send_it(asyncio_stream *stream, int file)
{
    int64_t sent = -1;
    int r = asyncio_loop_sendfile(asyncio_get_running_loop(), stream, file, &sent);
    return r < 0 ? r : sent == (int64_t)content_size ? 0 : -EPROTO;
}

static size_t large(void)
{
    return world.is_chopped ? 80000 : 4000000;
}

/* Sends the content from one to the other, with words before and after. */
static int exchange(asyncio_stream *from, asyncio_stream *to, int expected)
{
    int file = make_file(large());
    char *back = malloc(large() + 20);
    asyncio_task *sender;
    CHECK(file >= 0);
    CHECK_IS(asyncio_stream_write_nowait(from, "before ", 7), 0);
    START(sender, send_it, from, file);
    CHECK_IS(settle(), 0);
    CHECK_IS(read_all(to, back, large() + 7), (long long)large() + 7);
    CHECK_IS(join(sender), 0);
    CHECK_IS(is_in_kernel(from), expected);
    CHECK_IS(asyncio_stream_write(from, " after", 6), 0);
    CHECK_IS(read_all(to, back + large() + 7, 6), 6);
    CHECK(memcmp(back, "before ", 7) == 0 && memcmp(back + 7, content, large()) == 0 &&
          memcmp(back + large() + 7, " after", 6) == 0);
    close(file);
    free(back);
    return 0;
}

/* Large writes from both ends while nobody reads, then all of it. */
static int write_much(asyncio_stream *from, asyncio_stream *to)
{
    size_t size = world.is_chopped ? 30000 : 3000000;
    char *back = malloc(size);
    CHECK_IS(asyncio_stream_write_nowait(from, content, size), 0);
    CHECK_IS(asyncio_stream_write_nowait(from, "x", 1), 0);
    CHECK_IS(read_all(to, back, size), (long long)size);
    CHECK(memcmp(back, content, size) == 0);
    CHECK_IS(read_all(to, back, 1), 1);
    struct iovec pieces[] = { { (char *)(uintptr_t)"one ", 4 }, { (char *)(uintptr_t)"two", 3 } };
    CHECK_IS(asyncio_stream_writelines(from, pieces, 2), 0);
    CHECK_IS(read_all(to, back, 7), 7);
    CHECK(memcmp(back, "one two", 7) == 0);
    free(back);
    return 0;
}

static int both_ways(struct pair *p)
{
    CHECK_IS(is_in_kernel(p->b), 0);
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    CHECK_IS(is_in_kernel(p->a), 0);
    CHECK_IS(write_much(p->b, p->a), 0);
    CHECK_IS(write_much(p->a, p->b), 0);
    CHECK_IS(exchange(p->a, p->b, 1), 0);
    CHECK_IS(write_much(p->a, p->b), 0);
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    CHECK_IS(exchange(p->a, p->b, 1), 0);
    char byte;
    asyncio_stream_close(p->b);
    CHECK_IS(asyncio_stream_read(p->a, &byte, 1), 0); /* its close_notify */
    asyncio_stream_close(p->a);
    CHECK_IS(asyncio_stream_wait_closed(p->b), 0);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    return 0;
}

/* Whoever has sent closes; what was written, and the farewell, comes to one who reads late. */
static int closes_early(struct pair *p)
{
    int file = make_file(large());
    size_t size = large();
    char *back = malloc(size + 1);
    asyncio_task *sender;
    START(sender, send_it, p->b, file);
    CHECK_IS(read_all(p->a, back, size), (long long)size);
    CHECK_IS(join(sender), 0);
    CHECK_IS(is_in_kernel(p->b), 1);
    asyncio_stream_close(p->a); /* the sender has our close_notify before it ends */
    CHECK_IS(settle(), 0);
    close(file);
    free(back);
    return 0;
}

static int writes_and_closes(struct pair *p)
{
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    size_t size = large();
    char *back = malloc(size + 1);
    asyncio_stream_set_write_buffer_limits(p->b, 2 * size, size);
    CHECK_IS(asyncio_stream_write_nowait(p->b, content, size), 0);
    asyncio_stream_close(p->b);
    CHECK_IS(settle(), 0);
    CHECK_IS(read_all(p->a, back, size + 1), (long long)size); /* to the end, properly */
    CHECK(memcmp(back, content, size) == 0);
    free(back);
    return 0;
}

static int stays_here(struct pair *p)
{
    CHECK_IS(exchange(p->b, p->a, 0), 0);
    CHECK_IS(exchange(p->a, p->b, 0), 0);
    if (kind.is_wanted)
        return 0;
    int file = make_file(large());
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), p->a, file, NULL, .fallback = 0),
             -ASYNCIO_SENDFILE_NOT_AVAILABLE);
    close(file);
    return 0;
}

static int small_stays_here(struct pair *p)
{
    int file = make_file(60000);
    asyncio_task *sender;
    char *back = malloc(60000);
    START(sender, send_it, p->b, file);
    CHECK_IS(read_all(p->a, back, 60000), 60000);
    CHECK_IS(join(sender), 0);
    CHECK_IS(is_in_kernel(p->b), 0);
    close(file);
    free(back);
    return 0;
}

static SSL *ssl_of(asyncio_stream *stream)
{
    return asyncio__tls_of(stream->transport)->engine.ssl;
}

/* New keys before: OpenSSL goes on. After: that is the end. */
static int new_keys_before(struct pair *p)
{
    char byte;
    CHECK_IS(SSL_key_update(ssl_of(p->a), SSL_KEY_UPDATE_REQUESTED), 1);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1);
    CHECK_IS(exchange(p->b, p->a, 0), 0);
    CHECK_IS(exchange(p->a, p->b, 0), 0);
    return 0;
}

static int new_keys_after(struct pair *p)
{
    char byte;
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    CHECK_IS(SSL_key_update(ssl_of(p->a), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1); /* only theirs */
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    CHECK_IS(SSL_key_update(ssl_of(p->a), SSL_KEY_UPDATE_REQUESTED), 1);
    CHECK_IS(asyncio_stream_write(p->a, "y", 1), 0);
    int r = asyncio_stream_read(p->b, &byte, 1);
    if (r == 1)
        r = asyncio_stream_read(p->b, &byte, 1);
    CHECK_IS(r, -ASYNCIO_SSL);
    CHECK(strstr(record_of(r)->text, "new keys"));
    CHECK_IS(asyncio_stream_write(p->b, "z", 1), -ASYNCIO_SSL);
    r = asyncio_stream_read(p->a, &byte, 1);
    CHECK(r < 0);
    return 0;
}

/* What comes is not what it should be: the alert goes by the kernel, and the peer can read it. */
static int bad_record(struct pair *p)
{
    char byte;
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    static const char record[5 + 32] = "\x17\x03\x03\x00\x20 no such record was ever made";
    struct tcp *tcp = &p->a->tcp;
    struct iovec piece = { (char *)(uintptr_t)record, sizeof record };
    CHECK_IS(tcp->base.type->write(&tcp->base, &piece, 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), -ASYNCIO_SSL);
    int r = asyncio_stream_read(p->a, &byte, 1);
    CHECK_IS(r, -ASYNCIO_SSL);
    CHECK(strstr(record_of(r)->text, "alert"));
    return 0;
}

static int start_inner(asyncio_stream *stream, asyncio_ssl_context *context)
{
    return asyncio_stream_start_tls(stream, context, .server_hostname = "localhost");
}

/* Another TLS on top: the outer one stays where it is, the inner never goes. */
static int tls_in_tls(struct pair *p)
{
    asyncio_ssl_context *server = NULL, *client = NULL;
    CHECK_IS(server_context(certificates()->server, &server), 0);
    CHECK_IS(client_context(&client), 0);
    CHECK_IS(set_up(server), 0);
    CHECK_IS(set_up(client), 0);
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    asyncio_task *inner;
    START(inner, start_inner, p->a, client);
    CHECK_IS(asyncio_stream_start_tls(p->b, server, .server_side = 1), 0);
    CHECK_IS(join(inner), 0);
    CHECK_IS(exchange(p->b, p->a, 0), 0);
    CHECK_IS(exchange(p->a, p->b, 0), 0);
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return 0;
}

static int cancelled(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    int file = make_file(16000000);
    for (int turns = 0; turns < 12; turns++) {
        asyncio_task *sender;
        START(sender, send_it, p->b, file);
        for (int i = 0; i < turns; i++)
            CHECK_IS(asyncio_sleep(0), 0);
        CHECK_IS(lseek(file, 0, SEEK_SET), 0);
        CHECK_IS(asyncio_task_cancel(sender), 1);
        CHECK_IS(join(sender), -ECANCELED);
    }
    asyncio_stream_abort(p->a);
    CHECK_IS(settle(), 0);
    close(file);
    return 0;
}

static int broken(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    int file = make_file(16000000);
    asyncio_task *sender;
    START(sender, send_it, p->b, file);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->a);
    int r = join(sender);
    CHECK(r == -EPIPE || r == -ECONNRESET);
    close(file);
    return 0;
}

/* The kernel takes what nobody will have: those who write are told all the same. */
static int writes_to_nobody(struct pair *p)
{
    CHECK_IS(exchange(p->b, p->a, 1), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(settle(), 0);
    int r = 0;
    for (int i = 0; i < 10000 && r >= 0; i++)
        r = asyncio_stream_write(p->b, marker, sizeof marker);
    CHECK(r == -EPIPE || r == -ECONNRESET);
    return 0;
}

/* The socket has the layer and no keys, for whatever reason: not a byte goes there. */
static int is_reset(struct pair *p)
{
    if (fake.starts == 0)
        CHECK_IS(fake.calls_in_clear, 0);
    int file = make_file(large());
    asyncio_task *sender;
    char *back = malloc(large());
    START(sender, send_it, p->b, file);
    int r = 0, got = 0;
    while ((r = asyncio_stream_read(p->a, back + got, large() - (size_t)got)) > 0)
        got += r;
    CHECK_IS(r, -ECONNRESET);
    CHECK(got <= TLS_PROOF_MAX && memcmp(back, content, (size_t)got) == 0);
    r = join(sender);
    CHECK_IS(r, -ASYNCIO_SSL);
    CHECK(strstr(record_of(r)->text, "not its keys"));
    CHECK_IS(asyncio_stream_write(p->b, marker, sizeof marker), -ASYNCIO_SSL);
    asyncio_stream_close(p->b);
    CHECK_IS(settle(), 0);
    CHECK_IS(fake.calls_in_clear, 0);
    close(file);
    free(back);
    return 0;
}

/* ---- programs for the sweeps: 0, or what went wrong ---- */

static int take_all(asyncio_stream *stream, size_t size)
{
    static char back[65536];
    while (size) {
        int n = asyncio_stream_read(stream, back, size < sizeof back ? size : sizeof back);
        if (n <= 0)
            return n ? n : -EPIPE;
        size -= (size_t)n;
    }
    return 0;
}

static int served;

static int sends_file(asyncio_stream *stream)
{
    return send_it(stream, served);
}

static int fetch(const struct tls_pair *tls)
{
    asyncio_server *server;
    asyncio_stream *stream;
    int r = asyncio_start_server(sends_file, "127.0.0.1", 0, &server, .ssl = tls->server);
    if (r < 0)
        return r;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                .ssl = tls->client);
    if (r >= 0) {
        r = take_all(stream, content_size);
        asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
    }
    asyncio_server_close(server);
    int closed = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r < 0 ? r : closed;
}

static int transfer(void)
{
    struct tls_pair tls = { .server = NULL };
    served = make_file(80000);
    int r = make_contexts(&tls);
    if (r >= 0)
        r = fetch(&tls);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    close(served);
    return r;
}

/* ---- the kernels ---- */

static void test_kinds(void)
{
    static const struct {
        asyncio_ssl_version version;
        const char *ciphers;
    } kinds[] = { { ASYNCIO_SSL_TLSV1_2, "AESGCM+AES128" },
                  { ASYNCIO_SSL_TLSV1_2, "AESGCM+AES256" },
                  { ASYNCIO_SSL_TLSV1_3, "TLS_AES_128_GCM_SHA256" },
                  { ASYNCIO_SSL_TLSV1_3, NULL } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        kind.version = kinds[i].version;
        kind.ciphers = kinds[i].ciphers;
        with_kernel_pair(both_ways);
        with_kernel_pair(writes_and_closes);
        with_kernel_pair(bad_record);
    }
    kind.version = ASYNCIO_SSL_TLSV1_2;
    kind.ciphers = "CHACHA20";
    with_kernel_pair(stays_here);
    kind.version = ASYNCIO_SSL_TLSV1_3;
    kind.ciphers = NULL;
    kind.is_wanted = false;
    with_kernel_pair(stays_here);
    kind.is_wanted = true;
}

static void all_that_works(void)
{
    test_kinds();
    with_kernel_pair(closes_early);
    with_kernel_pair(small_stays_here);
    with_kernel_pair(new_keys_before);
    with_kernel_pair(new_keys_after);
    with_kernel_pair(tls_in_tls);
    with_kernel_pair(cancelled);
    with_kernel_pair(broken);
    with_kernel_pair(writes_to_nobody);
    assert_int_equal(fake.lost, 0);
    assert_int_equal(fake.calls_in_clear, 0);
}

static void sweep_it(void)
{
    int descriptors = count_descriptors();
    enter_world("plain", false, 0);
    assert_true(sweep_allocations("kernel TLS", transfer) > 20);
    assert_true(fake.starts > 2); /* the probe, without a failure, and with one */
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(fake.calls_in_clear, 0);
}

static void goes_on_without(void)
{
    with_kernel_pair(stays_here);
    assert_int_equal(fake.lost, 0);
}

static void ends_by_reset(void)
{
    enter_world("plain", false, 0);
    struct pair_program what = { is_reset, 65536 };
    assert_int_equal(run_once(run_pair, &what), 0);
    assert_true(fake.starts > 1);
}

/* ---- a process for each kind of kernel: this program again, with the number of the kind ---- */

static const struct {
    const char *name;
    enum fake_fault fault;
    void (*tests)(void);
    bool is_for_real;                /* the machine's kernel can be tried so, too */
} kernels[] = {
    { "works", FAKE_WORKS, all_that_works, true },
    { "works, swept", FAKE_WORKS, sweep_it, false },
    { "has no module", FAKE_NO_ULP, goes_on_without, false },
    { "has no cipher", FAKE_NO_CIPHER, goes_on_without, false },
    { "encrypts nothing", FAKE_IN_CLEAR, goes_on_without, false },
    { "fails later", FAKE_TX_LATE, ends_by_reset, false },
    { "lies later", FAKE_LIES_LATE, ends_by_reset, false },
};

enum { KERNELS = sizeof kernels / sizeof *kernels };

static unsigned chosen;

static void test_kernel(void **state)
{
    (void)state;
    fake.fault = kernels[chosen].fault;
    warm_up();
    kernels[chosen].tests();
    free(content);
}

static void test_kernels(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KERNELS; i++) {
        if (fake.is_real && !kernels[i].is_for_real)
            continue;
        char number[4];
        snprintf(number, sizeof number, "%u", i);
        char *arguments[] = { program_invocation_name, number, NULL };
        pid_t child;
        assert_int_equal(
            posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            fail_msg("a kernel that %s: status %x", kernels[i].name, (unsigned)status);
    }
}

static void test_option(void **state)
{
    (void)state;
    asyncio_ssl_context *context;
    assert_return_code(asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, &context), 0);
    assert_int_equal(asyncio_ssl_context_set_options(context, 1), -EINVAL);
    assert_int_equal(asyncio_ssl_context_set_options(context, ASYNCIO_SSL_OP_ENABLE_KTLS), 0);
    assert_int_equal(asyncio_ssl_context_set_options(context, 0), 0);
    asyncio_ssl_context_unref(context);
}

int main(int count, char **arguments)
{
    const char *kernel = getenv("ASYNCIO_TEST_KTLS");
    fake.is_real = kernel && strcmp(kernel, "real") == 0;
    if (count > 1) {
        chosen = (unsigned)atoi(arguments[1]) % KERNELS;
        const struct CMUnitTest one[] = { cmocka_unit_test(test_kernel) };
        return cmocka_run_group_tests_name(kernels[chosen].name, one, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_option),
        cmocka_unit_test(test_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
