/* SPDX-License-Identifier: MIT */
/* Base64: see base64.h. */
#include "wire/base64.h"

#include <errno.h>

void aiohttp__base64_write(struct bytes *out, struct span bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)(unsigned char)bytes.data[i] << 16;
        if (left > 1)
            three |= (uint32_t)(unsigned char)bytes.data[i + 1] << 8;
        if (left > 2)
            three |= (unsigned char)bytes.data[i + 2];
        char four[4] = { letters[three >> 18], letters[three >> 12 & 63],
                         left > 1 ? letters[three >> 6 & 63] : '=',
                         left > 2 ? letters[three & 63] : '=' };
        aiohttp__bytes_append(out, four, sizeof four);
    }
}

int aiohttp__base64_read(struct bytes *out, struct span text)
{
    if (text.size % 4 != 0)
        return -EINVAL;
    for (size_t i = 0; i < text.size; i += 4) {
        const char *four = text.data + i;
        bool is_last = i + 4 == text.size;
        size_t count = is_last && four[3] == '=' ? four[2] == '=' ? 1 : 2 : 3;
        uint32_t three = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j <= count ? base64_value(four[j]) : 0;
            if (value < 0)
                return -EINVAL;
            three = three << 6 | (uint32_t)value;
        }
        if ((count == 1 && (three & 0xffff)) || (count == 2 && (three & 0xff)))
            return -EINVAL;
        char decoded[3] = { (char)(three >> 16), (char)(three >> 8 & 255), (char)(three & 255) };
        aiohttp__bytes_append(out, decoded, count);
    }
    return 0;
}
