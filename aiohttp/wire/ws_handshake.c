/* SPDX-License-Identifier: MIT */
/* Handshakes of WebSockets: see ws_handshake.h. */
#include "wire/ws_handshake.h"

#include "wire/base64.h"
#include "wire/fields.h"
#include "wire/sha1.h"

#include <errno.h>

bool aiohttp__ws_key_is_valid(struct span key)
{
    char room[24];
    struct bytes out = bytes_in(room, sizeof room);
    return key.size == WS_KEY_SIZE && aiohttp__base64_read(&out, key) >= 0 && !out.error &&
           out.size == 16;
}

void aiohttp__ws_accept(struct span key, char ret_accept[WS_ACCEPT_SIZE])
{
    char room[128];
    uint8_t hash[SHA1_SIZE];
    struct bytes text = bytes_in(room, sizeof room);
    bytes_add(&text, key);
    bytes_text(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    aiohttp__sha1(bytes_span(&text), hash);
    struct bytes out = bytes_in(ret_accept, WS_ACCEPT_SIZE);
    aiohttp__base64_write(&out, (struct span){ (const char *)hash, sizeof hash });
}

void aiohttp__ws_key(const uint8_t random[16], char ret_key[WS_KEY_SIZE])
{
    struct bytes out = bytes_in(ret_key, WS_KEY_SIZE);
    aiohttp__base64_write(&out, (struct span){ (const char *)random, 16 });
}

/* "8" to "15"; 0 for anything else. */
static uint8_t window_bits(struct span text)
{
    if (text.size == 1 && (text.data[0] == '8' || text.data[0] == '9'))
        return (uint8_t)(text.data[0] - '0');
    if (text.size == 2 && text.data[0] == '1' && text.data[1] >= '0' && text.data[1] <= '5')
        return (uint8_t)(10 + text.data[1] - '0');
    return 0;
}

/* What stands in one element of the field. Bits are 0 when they are not said. */
struct said {
    bool server_forgets, client_forgets, has_client_bits;
    uint8_t server_bits, client_bits;
};

/* A parameter, if it is a good one that has not come before. */
static bool take(struct said *said, const struct parameter *parameter)
{
    struct span name = parameter->name;
    if (span_is_case(name, SPAN("server_no_context_takeover"))) {
        bool is_good = !parameter->has_value && !said->server_forgets;
        said->server_forgets = true;
        return is_good;
    }
    if (span_is_case(name, SPAN("client_no_context_takeover"))) {
        bool is_good = !parameter->has_value && !said->client_forgets;
        said->client_forgets = true;
        return is_good;
    }
    if (span_is_case(name, SPAN("server_max_window_bits"))) {
        bool is_first = !said->server_bits;
        said->server_bits = parameter->has_value ? window_bits(parameter->value) : 0;
        return is_first && said->server_bits;
    }
    if (span_is_case(name, SPAN("client_max_window_bits"))) {
        bool is_first = !said->has_client_bits;
        said->has_client_bits = true;
        said->client_bits = parameter->has_value ? window_bits(parameter->value) : 0;
        return is_first && (said->client_bits || !parameter->has_value);
    }
    return false;
}

/* One element: 1; 0 for another extension; -EINVAL. */
static int read_element(struct span element, struct said *ret_said)
{
    size_t at = 0;
    struct parameter parameter;
    *ret_said = (struct said){ .server_bits = 0 };
    int r = aiohttp__parameter_next(element, &at, &parameter);
    if (r <= 0 || parameter.has_value)
        return -EINVAL;
    if (!span_is_case(parameter.name, SPAN("permessage-deflate")))
        return 0;
    while ((r = aiohttp__parameter_next(element, &at, &parameter)) > 0)
        if (!take(ret_said, &parameter))
            return -EINVAL;
    return r < 0 ? r : 1;
}

static uint8_t lesser(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

bool aiohttp__ws_agree(struct span field, const struct ws_deflate *ours,
                       struct ws_deflate *ret_agreed)
{
    struct span element;
    struct said said;
    for (size_t at = 0; aiohttp__list_next(field, &at, &element);) {
        if (read_element(element, &said) <= 0)
            continue;
        /* Only a client that says so can be told to look less far back. */
        uint8_t client_bits = !said.has_client_bits ? 15 : said.client_bits ? said.client_bits : 15;
        if (said.has_client_bits)
            client_bits = lesser(client_bits, ours->client_bits);
        *ret_agreed = (struct ws_deflate){
            .is_on = true,
            .server_forgets = said.server_forgets || ours->server_forgets,
            .client_forgets = said.client_forgets || ours->client_forgets,
            .server_bits = lesser(said.server_bits ? said.server_bits : 15, ours->server_bits),
            .client_bits = client_bits,
            .says_server_bits = said.server_bits > 0,
        };
        return true;
    }
    return false;
}

static void write_common(struct bytes *out, const struct ws_deflate *deflate)
{
    bytes_text(out, "permessage-deflate");
    if (deflate->server_forgets)
        bytes_text(out, "; server_no_context_takeover");
    if (deflate->client_forgets)
        bytes_text(out, "; client_no_context_takeover");
    if (deflate->server_bits < 15 || deflate->says_server_bits) {
        bytes_text(out, "; server_max_window_bits=");
        aiohttp__bytes_number(out, deflate->server_bits);
    }
}

void aiohttp__ws_write_answer(struct bytes *out, const struct ws_deflate *agreed)
{
    write_common(out, agreed);
    if (agreed->client_bits < 15) {
        bytes_text(out, "; client_max_window_bits=");
        aiohttp__bytes_number(out, agreed->client_bits);
    }
}

void aiohttp__ws_write_offer(struct bytes *out, const struct ws_deflate *ours)
{
    write_common(out, ours);
    bytes_text(out, "; client_max_window_bits");
    if (ours->client_bits < 15) {
        bytes_put(out, '=');
        aiohttp__bytes_number(out, ours->client_bits);
    }
}

int aiohttp__ws_read_answer(struct span field, const struct ws_deflate *ours,
                            struct ws_deflate *agreed)
{
    struct span element;
    struct said said;
    for (size_t at = 0; aiohttp__list_next(field, &at, &element);) {
        int r = read_element(element, &said);
        if (r <= 0 || !ours->is_on || agreed->is_on)
            return -EINVAL;
        if (said.has_client_bits &&
            (!said.client_bits || said.client_bits > ours->client_bits))
            return -EINVAL;
        /* It may not look further back than it was asked to, and must say that it will not. */
        if (ours->server_bits < 15 && (!said.server_bits || said.server_bits > ours->server_bits))
            return -EINVAL;
        if (ours->server_forgets && !said.server_forgets)
            return -EINVAL;
        *agreed = (struct ws_deflate){
            .is_on = true,
            .server_forgets = said.server_forgets,
            .client_forgets = said.client_forgets || ours->client_forgets,
            .server_bits = said.server_bits ? said.server_bits : 15,
            .client_bits = lesser(said.client_bits ? said.client_bits : 15, ours->client_bits),
        };
    }
    return 0;
}
