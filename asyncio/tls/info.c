/* SPDX-License-Identifier: MIT */
/* What can be asked of a TLS connection: asyncio_stream_get_extra_info has the list. */
#include "tls/engine.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

static int put(const void *bytes, size_t length, bool is_text, char *data, size_t size)
{
    if (length + is_text > size)
        return -ENOSPC;
    memcpy(data, bytes, length);
    if (is_text)
        data[length] = '\0';
    return (int)length;
}

static int put_text(const char *text, char *data, size_t size)
{
    return text ? put(text, strlen(text), true, data, size) : -ENOENT;
}

/* ---- the peer's certificate: each field printed as a line of text ---- */

static bool print_name(BIO *bio, const X509_NAME *name)
{
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0;
}

static bool print_alternatives(BIO *bio, X509 *certificate)
{
    int index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    return index >= 0 && X509V3_EXT_print(bio, X509_get_ext(certificate, index), 0, 0) == 1;
}

static bool print_field(BIO *bio, X509 *certificate, const char *field)
{
    if (strcmp(field, "subject") == 0)
        return print_name(bio, X509_get_subject_name(certificate));
    if (strcmp(field, "issuer") == 0)
        return print_name(bio, X509_get_issuer_name(certificate));
    if (strcmp(field, "subjectAltName") == 0)
        return print_alternatives(bio, certificate);
    if (strcmp(field, "notBefore") == 0)
        return ASN1_TIME_print(bio, X509_get0_notBefore(certificate)) == 1;
    if (strcmp(field, "notAfter") == 0)
        return ASN1_TIME_print(bio, X509_get0_notAfter(certificate)) == 1;
    if (strcmp(field, "serialNumber") == 0)
        return i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(certificate)) > 0;
    return false;
}

static int certificate_field(X509 *certificate, const char *field, char *data, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio)
        return -ENOMEM;
    int r = -ENOENT;
    if (print_field(bio, certificate, field)) {
        char *text;
        long length = BIO_get_mem_data(bio, &text);
        r = length >= 0 ? put(text, (size_t)length, true, data, size) : -ENOENT;
    }
    BIO_free(bio);
    return r;
}

static int certificate_bytes(X509 *certificate, char *data, size_t size)
{
    int length = i2d_X509(certificate, NULL);
    if (length < 0)
        return -ENOMEM;
    if ((size_t)length > size)
        return -ENOSPC;
    unsigned char *end = (unsigned char *)data;
    return i2d_X509(certificate, &end);
}

/* "peercert", or "peercert." and a key of the dict that Python has for it. */
static int certificate_info(const SSL *ssl, const char *field, char *data, size_t size)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (!certificate)
        return -ENOENT;
    int r = -ENOENT;
    if (!field[0])
        r = certificate_bytes(certificate, data, size);
    else if (field[0] == '.')
        r = certificate_field(certificate, field + 1, data, size);
    X509_free(certificate);
    return r;
}

int asyncio__tls_info(const struct tls_engine *engine, const char *name, char *data, size_t size)
{
    const SSL *ssl = engine->ssl;
    ERR_clear_error();
    if (!engine->is_open)
        return -ENOENT;
    if (strcmp(name, "cipher") == 0)
        return put_text(SSL_get_cipher_name(ssl), data, size);
    if (strcmp(name, "version") == 0)
        return put_text(SSL_get_version(ssl), data, size);
    if (strcmp(name, "server_hostname") == 0)
        return put_text(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), data, size);
    if (strcmp(name, "session_reused") == 0)
        return put_text(SSL_session_reused(ssl) ? "1" : "0", data, size);
    if (strcmp(name, "ktls_send") == 0)
        return put_text(engine->is_handed_over ? "1" : "0", data, size);
    if (strcmp(name, "selected_alpn_protocol") == 0) {
        const unsigned char *protocol;
        unsigned length;
        SSL_get0_alpn_selected(ssl, &protocol, &length);
        return length ? put(protocol, length, true, data, size) : -ENOENT;
    }
    if (strncmp(name, "peercert", 8) == 0) {
        int r = certificate_info(ssl, name + 8, data, size);
        ERR_clear_error();
        return r;
    }
    return -ENOENT;
}
