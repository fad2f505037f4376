/* SPDX-License-Identifier: MIT */
/* A small authority: keys and certificates made on the spot, as PEM files in a folder of their own,
 * gone when the program ends. Nothing that expires lies in the tree. */
#pragma once

/* Each file has a certificate and its key. */
struct certificates {
    char folder[64];
    char ca[96];                     /* the root: trust it */
    char server[96];                 /* for localhost, 127.0.0.1 and *.example.org */
    char other[96];                  /* for other.example.net alone */
    char expired[96];                /* for localhost, until yesterday */
    char early[96];                  /* for localhost, from tomorrow on */
    char self_signed[96];            /* for localhost, by nobody else */
    char client[96];                 /* a client's: CN=client */
    char locked[96];                 /* as `server`, the key under the password "sesame" */
};

/* Made when first asked for; fails the cmocka test when that does not work. */
const struct certificates *certificates(void);

/* SHA-256 of the certificate in a PEM file. 0, -EIO. */
int certificate_digest(const char *path, unsigned char ret_digest[32]);
