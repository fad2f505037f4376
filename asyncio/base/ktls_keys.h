/* SPDX-License-Identifier: MIT */
/* The keys of kernel TLS as the kernel has them: what the engine (tls/handover.h) and the sockets
 * (backend/ktls.h) have in common. */
#pragma once

#include <linux/tls.h>
#include <stddef.h>
#include <stdint.h>

/* One of the structs of linux/tls.h, which its first two words tell. */
struct ktls_keys {
    uint16_t version, cipher;
    unsigned char rest[sizeof(struct tls12_crypto_info_aes_gcm_256) - 4];
};

/* The size of that struct; 0: these are not spoken here. */
static inline size_t ktls_size(uint16_t version, uint16_t cipher)
{
    if (version != TLS_1_2_VERSION && version != TLS_1_3_VERSION)
        return 0;
    return cipher == TLS_CIPHER_AES_GCM_128   ? sizeof(struct tls12_crypto_info_aes_gcm_128)
           : cipher == TLS_CIPHER_AES_GCM_256 ? sizeof(struct tls12_crypto_info_aes_gcm_256)
                                              : 0;
}
