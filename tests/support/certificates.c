/* SPDX-License-Identifier: MIT */
/* A small authority: see certificates.h. */
#include "support/certificates.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY = 86400 };

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct wish {
    const char *name, *hosts, *usage;
    long from, until;                /* days from now */
    const char *password;
};

static struct certificates made;

static void add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* `by` NULL: signed by itself; an authority when it has no hosts. */
static struct identity issue(const struct wish *wish, const struct identity *by)
{
    static long serial = 1000;
    struct identity one = { EVP_EC_gen("P-256"), X509_new() };
    assert_non_null(one.key);
    assert_non_null(one.certificate);
    X509 *x = one.certificate, *issuer = by ? by->certificate : x;
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), wish->from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(x), wish->until * DAY);
    X509_set_pubkey(x, one.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)wish->name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    bool is_authority = !wish->hosts;
    add(x, issuer, NID_basic_constraints,
        is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add(x, issuer, NID_key_usage,
        is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    add(x, issuer, NID_subject_key_identifier, "hash");
    if (by)
        add(x, issuer, NID_authority_key_identifier, "keyid:always");
    if (!is_authority && wish->hosts[0])
        add(x, issuer, NID_subject_alt_name, wish->hosts);
    if (wish->usage)
        add(x, issuer, NID_ext_key_usage, wish->usage);
    assert_true(X509_sign(x, by ? by->key : one.key, EVP_sha256()) > 0);
    return one;
}

static void write_to(char *path, size_t size, const struct wish *wish, const struct identity *one)
{
    snprintf(path, size, "%s/%s.pem", made.folder, wish->name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, one->certificate), 1);
    const EVP_CIPHER *cipher = wish->password ? EVP_aes_128_cbc() : NULL;
    assert_int_equal(PEM_write_PrivateKey(file, one->key, cipher, NULL, 0, NULL,
                                          (void *)(uintptr_t)wish->password),
                     1);
    fclose(file);
}

static void forget(struct identity *one)
{
    EVP_PKEY_free(one->key);
    X509_free(one->certificate);
}

static void make(char *path, const struct wish *wish, const struct identity *by)
{
    struct identity one = issue(wish, by);
    write_to(path, sizeof made.ca, wish, &one);
    forget(&one);
}

static void remove_all(void)
{
    const char *paths[] = { made.ca,    made.server,      made.other,  made.expired,
                            made.early, made.self_signed, made.client, made.locked };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        unlink(paths[i]);
    rmdir(made.folder);
}

const struct certificates *certificates(void)
{
    if (made.folder[0])
        return &made;
    const char *hosts = "DNS:localhost,DNS:*.example.org,IP:127.0.0.1";
    const struct wish ca = { "authority", NULL, NULL, -30, 3650, NULL };
    const struct wish server = { "server", hosts, "serverAuth", -2, 30, NULL };
    const struct wish other = { "other", "DNS:other.example.net", "serverAuth", -2, 30, NULL };
    const struct wish expired = { "expired", hosts, "serverAuth", -9, -1, NULL };
    const struct wish early = { "early", hosts, "serverAuth", 1, 30, NULL };
    const struct wish alone = { "alone", hosts, "serverAuth", -2, 30, NULL };
    const struct wish client = { "client", "", "clientAuth", -2, 30, NULL };
    const struct wish locked = { "locked", hosts, "serverAuth", -2, 30, "sesame" };
    snprintf(made.folder, sizeof made.folder, "/tmp/asyncio-certificates-XXXXXX");
    assert_non_null(mkdtemp(made.folder));
    atexit(remove_all);
    struct identity root = issue(&ca, NULL);
    write_to(made.ca, sizeof made.ca, &ca, &root);
    make(made.server, &server, &root);
    make(made.other, &other, &root);
    make(made.expired, &expired, &root);
    make(made.early, &early, &root);
    make(made.self_signed, &alone, NULL);
    make(made.client, &client, &root);
    make(made.locked, &locked, &root);
    forget(&root);
    return &made;
}

int certificate_digest(const char *path, unsigned char ret_digest[32])
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    unsigned size = 0;
    int is_done = certificate && X509_digest(certificate, EVP_sha256(), ret_digest, &size);
    X509_free(certificate);
    if (file)
        fclose(file);
    return is_done && size == 32 ? 0 : -EIO;
}
