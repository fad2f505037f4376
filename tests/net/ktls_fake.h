/* SPDX-License-Identifier: MIT */
/* A kernel with kernel TLS, for a machine without: the calls on a socket are this program's own
 * functions, which hide libc's. It does what Linux does, as far as the library can tell: after
 * TCP_ULP bytes pass as they are; after TLS_TX each send is encrypted to records; of what was taken
 * a part may wait above TCP until the next call, and is lost when the socket is closed before; when
 * the connection is broken, all is taken as before, and SIGPIPE comes where no flag says no.
 * With ASYNCIO_TEST_KTLS=real in the environment the machine's own kernel is asked (make ktls). */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum fake_fault {
    FAKE_WORKS,
    FAKE_NO_ULP,        /* the kernel has no module */
    FAKE_NO_CIPHER,     /* TLS_TX fails, always */
    FAKE_IN_CLEAR,      /* TLS_TX goes well, and nothing is encrypted, ever */
    FAKE_TX_LATE,       /* what went well at the first socket fails at the second */
    FAKE_LIES_LATE,     /* the second socket's TLS_TX goes well and does nothing */
    FAKE_FAULTS,
};

enum { FAKE_SOCKETS = 1024, FAKE_RECORD = 16384 };

struct fake_socket {
    bool has_layer, has_keys, is_wrong;
    unsigned char keys[64];          /* as they were set */
    socklen_t keys_size;
    unsigned char salt[4], iv[8], key[32];
    uint64_t sequence;
    uint16_t version, cipher;
    unsigned char waiting[FAKE_RECORD + 64];
    size_t waiting_at, waiting_size;
};

static struct {
    bool is_real;                    /* the machine's kernel */
    enum fake_fault fault;
    unsigned starts;                 /* TLS_TX so far */
    unsigned lost;                   /* bytes that were waiting when a socket was closed */
    unsigned calls_in_clear;         /* sends on a socket that has the layer and no keys */
    struct fake_socket *sockets[FAKE_SOCKETS];
} fake;

static struct fake_socket *fake_of(int number)
{
    return number >= 0 && number < FAKE_SOCKETS ? fake.sockets[number] : NULL;
}

static void fake_find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

#define LIBC(type, name, parameters)                                                               \
    static type(*libc) parameters;                                                                 \
    if (!libc)                                                                                     \
    fake_find((void *)&libc, #name)

int setsockopt(int number, int level, int name, const void *value, socklen_t size);
int getsockopt(int number, int level, int name, void *value, socklen_t *size);
ssize_t send(int number, const void *data, size_t size, int flags);
ssize_t sendmsg(int number, const struct msghdr *header, int flags);
ssize_t sendfile(int number, int file, off_t *offset, size_t size);
int close(int number);

static ssize_t fake_raw(int number, const void *data, size_t size, int flags)
{
    LIBC(ssize_t, send, (int, const void *, size_t, int));
    return libc(number, data, size, flags);
}

/* ---- records ---- */

/* 0, or an errno that is the connection's. */
static int fake_flush(int number, struct fake_socket *fd)
{
    while (fd->waiting_at < fd->waiting_size) {
        ssize_t n = fake_raw(number, fd->waiting + fd->waiting_at,
                             fd->waiting_size - fd->waiting_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN ? 0 : errno;
        fd->waiting_at += (size_t)n;
    }
    fd->waiting_at = fd->waiting_size = 0;
    return 0;
}

static void fake_number(unsigned char *bytes, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        bytes[i] = (unsigned char)number;
}

static void fake_record(struct fake_socket *fd, unsigned char type, const void *data, size_t size)
{
    unsigned char nonce[12], more[16], *out = fd->waiting, inner[FAKE_RECORD + 1];
    bool is_13 = fd->version == TLS_1_3_VERSION;
    size_t plain = size + is_13, head = is_13 ? 5 : 13, body = head - 5 + plain + 16;
    memcpy(inner, data, size);
    inner[size] = type;
    memcpy(nonce, fd->salt, 4);
    memcpy(nonce + 4, fd->iv, 8);
    out[0] = is_13 ? 23 : type;
    out[1] = out[2] = 3;
    out[3] = (unsigned char)(body >> 8);
    out[4] = (unsigned char)body;
    unsigned char sequence[8];
    fake_number(sequence, fd->sequence++);
    int more_size = 5, n = 0, last = 0;
    if (is_13) {
        for (int i = 0; i < 8; i++)
            nonce[4 + i] ^= sequence[i];
        memcpy(more, out, 5);
    } else {
        memcpy(out + 5, fd->iv, 8);
        memcpy(more, sequence, 8);
        memcpy(more + 8, out, 3);
        more[11] = (unsigned char)(size >> 8);
        more[12] = (unsigned char)size;
        more_size = 13;
        for (int i = 7; i >= 0 && ++fd->iv[i] == 0; i--)
            ;
    }
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool is_good =
        EVP_EncryptInit_ex(cipher, fd->cipher == TLS_CIPHER_AES_GCM_256 ? EVP_aes_256_gcm()
                                                                        : EVP_aes_128_gcm(),
                           NULL, fd->key, nonce) == 1 &&
        EVP_EncryptUpdate(cipher, NULL, &n, more, more_size) == 1 &&
        EVP_EncryptUpdate(cipher, out + head, &n, inner, (int)plain) == 1 &&
        EVP_EncryptFinal_ex(cipher, out + head + n, &last) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, out + head + plain) == 1;
    EVP_CIPHER_CTX_free(cipher);
    fd->waiting_at = 0;
    fd->waiting_size = is_good ? head + plain + 16 : 0;
}

/* Bytes that were taken. */
static ssize_t fake_send(int number, struct fake_socket *fd, unsigned char type, const void *data,
                         size_t size, int flags)
{
    size_t taken = 0;
    int error = fake_flush(number, fd);
    while (!error && taken < size && !fd->waiting_size) {
        size_t n = size - taken < FAKE_RECORD ? size - taken : FAKE_RECORD;
        fake_record(fd, type, (const char *)data + taken, n);
        taken += n;
        error = fake_flush(number, fd);
    }
    if (error) {
        fd->waiting_at = fd->waiting_size = 0;
        if (!(flags & MSG_NOSIGNAL))
            raise(SIGPIPE);
        return (ssize_t)size;
    }
    if (taken || !size)
        return (ssize_t)taken;
    errno = EAGAIN;
    return -1;
}

/* ---- the calls ---- */

static int fake_layer(int number)
{
    if (fake.fault == FAKE_NO_ULP)
        return errno = ENOENT, -1;
    if (number >= FAKE_SOCKETS || fake.sockets[number])
        return errno = EEXIST, -1;
    fake.sockets[number] = calloc(1, sizeof *fake.sockets[number]);
    fake.sockets[number]->has_layer = true;
    return 0;
}

static int fake_keys(struct fake_socket *fd, const void *value, socklen_t size)
{
    bool is_late = fake.starts++ > 0;
    if (!fd || !fd->has_layer || fd->has_keys)
        return errno = EINVAL, -1;
    if (fake.fault == FAKE_NO_CIPHER || (fake.fault == FAKE_TX_LATE && is_late))
        return errno = ENOENT, -1;
    if (fake.fault == FAKE_LIES_LATE && is_late)
        return 0;
    memcpy(fd->keys, value, size);
    fd->keys_size = size;
    struct tls12_crypto_info_aes_gcm_128 short_one;
    struct tls12_crypto_info_aes_gcm_256 long_one;
    memcpy(&short_one, value, sizeof short_one);
    fd->version = short_one.info.version;
    fd->cipher = short_one.info.cipher_type;
    unsigned char *sequence = short_one.rec_seq;
    if (fd->cipher == TLS_CIPHER_AES_GCM_256) {
        memcpy(&long_one, value, sizeof long_one);
        memcpy(fd->salt, long_one.salt, 4);
        memcpy(fd->iv, long_one.iv, 8);
        memcpy(fd->key, long_one.key, 32);
        sequence = long_one.rec_seq;
    } else {
        memcpy(fd->salt, short_one.salt, 4);
        memcpy(fd->iv, short_one.iv, 8);
        memcpy(fd->key, short_one.key, 16);
    }
    for (int i = 0; i < 8; i++)
        fd->sequence = fd->sequence << 8 | sequence[i];
    fd->has_keys = fake.fault != FAKE_IN_CLEAR;
    fd->is_wrong = fake.fault == FAKE_IN_CLEAR;
    return 0;
}

int setsockopt(int number, int level, int name, const void *value, socklen_t size)
{
    LIBC(int, setsockopt, (int, int, int, const void *, socklen_t));
    if (!fake.is_real && level == IPPROTO_TCP && name == TCP_ULP)
        return fake_layer(number);
    if (!fake.is_real && level == SOL_TLS && name == TLS_TX)
        return fake_keys(fake_of(number), value, size);
    return libc(number, level, name, value, size);
}

int getsockopt(int number, int level, int name, void *value, socklen_t *size)
{
    LIBC(int, getsockopt, (int, int, int, void *, socklen_t *));
    struct fake_socket *fd = fake_of(number);
    if (fake.is_real || level != SOL_TLS)
        return libc(number, level, name, value, size);
    if (!fd || !fd->keys_size)
        return errno = EBUSY, -1;
    memcpy(value, fd->keys, fd->keys_size);
    *size = fd->keys_size;
    return 0;
}

ssize_t send(int number, const void *data, size_t size, int flags)
{
    struct fake_socket *fd = fake_of(number);
    if (fd && fd->has_keys)
        return fake_send(number, fd, 23, data, size, flags);
    if (fd && !fd->is_wrong)
        fake.calls_in_clear++;
    return fake_raw(number, data, size, flags);
}

ssize_t sendmsg(int number, const struct msghdr *header, int flags)
{
    LIBC(ssize_t, sendmsg, (int, const struct msghdr *, int));
    struct fake_socket *fd = fake_of(number);
    if (!fd || !fd->has_keys)
        return libc(number, header, flags);
    unsigned char type = 23;
    if (header->msg_controllen)
        type = *CMSG_DATA(CMSG_FIRSTHDR(header));
    ssize_t taken = 0;
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        const struct iovec *piece = &header->msg_iov[i];
        ssize_t n = fake_send(number, fd, type, piece->iov_base, piece->iov_len, flags);
        if (n < 0)
            return taken ? taken : n;
        taken += n;
        if ((size_t)n < piece->iov_len)
            break;
    }
    return taken;
}

ssize_t sendfile(int number, int file, off_t *offset, size_t size)
{
    LIBC(ssize_t, sendfile, (int, int, off_t *, size_t));
    struct fake_socket *fd = fake_of(number);
    if (!fd || !fd->has_keys)
        return libc(number, file, offset, size);
    char chunk[FAKE_RECORD];
    ssize_t taken = 0;
    while ((size_t)taken < size) {
        size_t want = size - (size_t)taken < sizeof chunk ? size - (size_t)taken : sizeof chunk;
        ssize_t got = pread(file, chunk, want, *offset);
        if (got <= 0)
            return taken ? taken : got;
        ssize_t n = fake_send(number, fd, 23, chunk, (size_t)got, 0);
        if (n < 0)
            return taken ? taken : n;
        taken += n;
        *offset += n;
    }
    return taken;
}

int close(int number)
{
    LIBC(int, close, (int));
    struct fake_socket *fd = fake_of(number);
    if (fd) {
        int error = fake_flush(number, fd);
        fake.lost += error ? 0 : (unsigned)(fd->waiting_size - fd->waiting_at);
        free(fd);
        fake.sockets[number] = NULL;
    }
    return libc(number);
}
