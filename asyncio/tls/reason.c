/* SPDX-License-Identifier: MIT */
/* What OpenSSL says went wrong: the first entry of its queue tells the cause, what follows only
 * where it was noticed. */
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static int code_of(unsigned long error)
{
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return -ENOMEM;
    if (ERR_SYSTEM_ERROR(error))
        return -ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return -ASYNCIO_SSL_CERT_VERIFICATION;
        if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            return -ASYNCIO_SSL_EOF;
    }
    return -ASYNCIO_SSL;
}

/* The last entry tells most where OpenSSL has run out of memory: it is known to all above. */
static bool is_out_of_memory(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
}

int asyncio__tls_reason(const SSL *ssl, char *text, size_t size)
{
    unsigned long error = is_out_of_memory() ? ERR_peek_last_error() : ERR_peek_error();
    if (!error) {
        snprintf(text, size, "unknown error");
        return -ASYNCIO_SSL;
    }
    int code = code_of(error);
    const char *reason = ERR_reason_error_string(error);
    const char *library = ERR_lib_error_string(error);
    if (code == -ASYNCIO_SSL_CERT_VERIFICATION && ssl)
        snprintf(text, size, "certificate verify failed: %s",
                 X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    else
        snprintf(text, size, "[%s] %s", library ? library : "SSL", reason ? reason : "unknown");
    ERR_clear_error();
    return code;
}

int asyncio__tls_raise(void)
{
    char text[TLS_REASON_SIZE];
    int code = asyncio__tls_reason(NULL, text, sizeof text);
    if (code == -ENOMEM || code > -ASYNCIO_INVALID_STATE)
        return code; /* a file's error speaks for itself */
    return asyncio_raise(code, "%s", text);
}
