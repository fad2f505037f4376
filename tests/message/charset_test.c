/* SPDX-License-Identifier: MIT */
/* Charsets: what labels mean, which are refused; texts that are whole, malformed, cut off and
 * large, and any bytes at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../asyncio/base/alloc.h"
#include "message/charset.h"
#include "wire/utf8.h"

#include <errno.h>

/* "" is NULL's text */
static struct span text_of(const struct bytes *bytes)
{
    return bytes_since(bytes, 0);
}

static int decode(const char *label, struct span text, bool is_replaced, struct bytes *out)
{
    struct charset_decoder decoder;
    const struct charset *charset = aiohttp__charset_find(span_of(label));
    if (!charset)
        fail_msg("%s is not known", label);
    int r = aiohttp__charset_begin(&decoder, charset);
    if (r < 0)
        fail_msg("%s is not installed", label);
    r = aiohttp__charset_decode(&decoder, text, is_replaced, out);
    aiohttp__charset_end(&decoder);
    return r;
}

/* Python's names, and what bytes.decode gives there. */
static const struct {
    const char *label, *bytes, *text;
} samples[] = {
    { "utf-8", "\xc3\xa4", "\xc3\xa4" },
    { "UTF8", "a\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80" },
    { "us-ascii", "a", "a" },
    { "latin_1", "\xe4\x80", "\xc3\xa4\xc2\x80" }, /* and no windows-1252 */
    { "ISO_8859-1:1987", "\xff", "\xc3\xbf" },
    { "iso8859-2", "\xb1", "\xc4\x85" },
    { "iso-8859-3", "\xa1", "\xc4\xa6" },
    { "iso-8859-4", "\xa2", "\xc4\xb8" },
    { "iso-8859-5", "\xd0", "\xd0\xb0" },
    { "iso-8859-6", "\xc7", "\xd8\xa7" },
    { "iso-8859-7", "\xe1", "\xce\xb1" },
    { "iso-8859-8", "\xe0", "\xd7\x90" },
    { "iso-8859-9", "\xfe", "\xc5\x9f" },
    { "iso-8859-10", "\xbf", "\xc5\x8b" },
    { "iso-8859-11", "\xa1", "\xe0\xb8\x81" },
    { "iso-8859-13", "\xe0", "\xc4\x85" },
    { "iso-8859-14", "\xa1", "\xe1\xb8\x82" },
    { "iso-8859-15", "\xa4", "\xe2\x82\xac" },
    { "iso-8859-16", "\xa4", "\xe2\x82\xac" },
    { "koi8_r", "\xc1", "\xd0\xb0" },
    { "koi8-u", "\xa4", "\xd1\x94" },
    { "cp437", "\x84", "\xc3\xa4" },
    { "cp850", "\x84", "\xc3\xa4" },
    { "cp852", "\x84", "\xc3\xa4" },
    { "cp855", "\xa0", "\xd0\xb0" },
    { "cp857", "\x84", "\xc3\xa4" },
    { "cp860", "\x84", "\xc3\xa3" },
    { "cp861", "\x84", "\xc3\xa4" },
    { "cp862", "\x80", "\xd7\x90" },
    { "cp863", "\x82", "\xc3\xa9" },
    { "cp865", "\x84", "\xc3\xa4" },
    { "cp869", "\xd6", "\xce\xb1" },
    { "IBM866", "\xa0", "\xd0\xb0" },
    { "macintosh", "\x8a", "\xc3\xa4" },
    { "x-mac-cyrillic", "\x80", "\xd0\x90" },
    { "windows-874", "\xa1", "\xe0\xb8\x81" },
    { "tis-620", "\xa1", "\xe0\xb8\x81" },
    { "windows-1250", "\xb9", "\xc4\x85" },
    { "windows-1251", "\xe0", "\xd0\xb0" },
    { "windows-1252", "\x80\x93", "\xe2\x82\xac\xe2\x80\x9c" },
    { "cp1253", "\xe1", "\xce\xb1" },
    { "cp1254", "\xfe", "\xc5\x9f" },
    { "cp1255", "\xe0", "\xd7\x90" }, /* held back until it ends: a mark may follow */
    { "cp1256", "\xc7", "\xd8\xa7" },
    { "cp1257", "\xe0", "\xc4\x85" },
    { "cp1258", "a", "a" },
    { "gb2312", "\xba\xba", "\xe6\xb1\x89" },
    { "gbk", "\x81\x40", "\xe4\xb8\x82" },
    { "gb18030", "\x81\x30\x81\x30", "\xc2\x80" },
    { "big5", "\xba\x7e", "\xe6\xbc\xa2" },
    { "big5-hkscs", "\x88\x66", "\xc3\x8a" },
    { "cp950", "\xba\x7e", "\xe6\xbc\xa2" },
    { "euc_jp", "\xb4\xc1", "\xe6\xbc\xa2" },
    { "Shift_JIS", "\x8a\xbf\\~", "\xe6\xbc\xa2\\~" },
    { "cp932", "\x87\x40", "\xe2\x91\xa0" },
    { "iso-2022-jp", "\x1b$B4A\x1b(B!", "\xe6\xbc\xa2!" },
    { "euc-kr", "\xc7\xd1", "\xed\x95\x9c" },
    { "cp949", "\x81\x41", "\xea\xb0\x82" },
};

static void samples_are_pythons(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct bytes out = bytes_up_to(64);
        int r = decode(samples[i].label, span_of(samples[i].bytes), false, &out);
        if (r != 0 || !span_is(text_of(&out), span_of(samples[i].text)))
            fail_msg("%s: %d, %.*s", samples[i].label, r, (int)out.size, text_of(&out).data);
        aiohttp__bytes_fini(&out);
    }
}

/* A quote, a < and a backslash are these, whatever the charset. */
static void ascii_is_ascii(void **state)
{
    (void)state;
    char all[127 - 32];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i + 32);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct bytes out = bytes_up_to(1024);
        assert_int_equal(decode(samples[i].label, (struct span){ all, sizeof all }, false, &out),
                         0);
        if (!span_is(text_of(&out), (struct span){ all, sizeof all }))
            fail_msg("%s: %.*s", samples[i].label, (int)out.size, out.data);
        aiohttp__bytes_fini(&out);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const labels[] = {
        "",          "utf-7",       "utf7",       "unicode-1-1-utf-7", "utf-8//IGNORE",
        "koi8-r//",  "koi8-r//TRANSLIT", "//",    "koi8-r ",           " koi8-r",
        "koi8-r\n",  "../../tmp/x", "/tmp/x",     "hz-gb-2312",        "iso-2022-kr",
        "iso-2022-cn", "ibm037",    "cp500",      "johab",             "utf-8,koi8-r",
        "k\xc3\xb6i8", "koi8-r,utf-8", "base64",  "rot13",             "idna",
        "utf-16//a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (aiohttp__charset_find(span_of(labels[i])))
            fail_msg("\"%s\" is known", labels[i]);
    assert_null(aiohttp__charset_find((struct span){ "koi8-r\0", 7 }));
    assert_null(aiohttp__charset_find((struct span){ "utf-8 utf8", 10 }));
    assert_false(aiohttp__charset_is_name(SPAN("ibm037//translit")));
    assert_false(aiohttp__charset_is_name(SPAN("")));
    assert_true(aiohttp__charset_is_name(SPAN("IBM037")));
}

/* `text`: with U+FFFD for what is none; the same is an error without that. */
static const struct {
    const char *label, *bytes;
    size_t size;
    const char *text;
} bad[] = {
#define BAD(label, bytes, text) { label, bytes, sizeof bytes - 1, text }
#define FFFD "\xef\xbf\xbd"
    BAD("utf-8", "a\xc3", "a" FFFD),
    BAD("utf-8", "\xe2\x82z\xff", FFFD "z" FFFD),
    BAD("utf-8", "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD), /* iconv lets that pass */
    BAD("utf-8", "\xed\xa0\x80", FFFD FFFD FFFD),
    BAD("us-ascii", "a\x80z", "a" FFFD "z"),
    BAD("windows-1252", "a\x81z", "a" FFFD "z"),
    BAD("windows-1252", "\x81", FFFD),
    BAD("shift_jis", "a\x8a", "a" FFFD),
    BAD("shift_jis", "\x8a\xbf\x8a", "\xe6\xbc\xa2" FFFD),
    BAD("gbk", "\xff" "a", FFFD "a"),
    BAD("gb18030", "\x81\x30\x81", FFFD),
    BAD("euc-jp", "\x8f\xb4", FFFD),
    BAD("big5-hkscs", "\x88\x66\xff", "\xc3\x8a" FFFD), /* what was held back comes first */
    BAD("cp1255", "\xe0\x81", "\xd7\x90" FFFD),
    BAD("utf-16le", "a", FFFD),
    BAD("utf-16le", "a\0b", "a" FFFD),
    BAD("utf-16le", "\x00\xdc" "a\0", FFFD "a"), /* the rest stays in step */
    BAD("utf-16be", "\xd8\x00\0a", FFFD "a"),
    BAD("utf-16be", "\0a\xd8\x00", "a" FFFD),
    BAD("utf-32le", "\x00\x00\x11\x00" "a\0\0\0", FFFD "a"),
    BAD("utf-32be", "\0\0\xd8\0\0\0\0a", FFFD "a"),
    BAD("utf-32be", "\0\0\0", FFFD),
};

static void what_is_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct span bytes = { bad[i].bytes, bad[i].size };
        struct bytes strict = bytes_up_to(64), out = bytes_up_to(64);
        int r = decode(bad[i].label, bytes, false, &strict);
        int replaced = decode(bad[i].label, bytes, true, &out);
        if (r != -EILSEQ || replaced != 0 || !span_is(text_of(&out), span_of(bad[i].text)))
            fail_msg("%s, row %zu: %d, %d, %.*s", bad[i].label, i, r, replaced, (int)out.size,
                     text_of(&out).data);
        aiohttp__bytes_fini(&strict);
        aiohttp__bytes_fini(&out);
    }
}

/* One decoder for many texts: nothing of one is in the next. */
static void texts_are_apart(void **state)
{
    (void)state;
    struct charset_decoder decoder;
    struct bytes out = bytes_up_to(64);
    assert_int_equal(
        aiohttp__charset_begin(&decoder, aiohttp__charset_find(SPAN("iso-2022-jp"))), 0);
    assert_int_equal(aiohttp__charset_decode(&decoder, SPAN("\x1b$B4"), false, &out), -EILSEQ);
    assert_int_equal(aiohttp__charset_decode(&decoder, SPAN("4A"), false, &out), 0);
    assert_true(span_is(text_of(&out), SPAN("4A")));
    aiohttp__charset_end(&decoder);
    aiohttp__bytes_fini(&out);
}

/* Around the pieces that iconv writes into, and at the limit. */
static void sizes(void **state)
{
    (void)state;
    static char bytes[6000], text[9000];
    for (size_t pad = 0; pad < 8; pad++)
        for (size_t count = 335; count < 350; count++) {
            memset(bytes, 'a', pad);
            memset(text, 'a', pad);
            for (size_t i = 0; i < count; i++) {
                memcpy(bytes + pad + 2 * i, "\x8a\xbf", 2);
                memcpy(text + pad + 3 * i, "\xe6\xbc\xa2", 3);
            }
            struct span in = { bytes, pad + 2 * count }, wanted = { text, pad + 3 * count };
            struct bytes fits = bytes_up_to(wanted.size), little = bytes_up_to(wanted.size - 1);
            assert_int_equal(decode("shift_jis", in, false, &fits), 0);
            assert_true(span_is(text_of(&fits), wanted));
            assert_int_equal(decode("shift_jis", in, false, &little), -EMSGSIZE);
            in.size--;
            fits.size = 0;
            assert_int_equal(decode("shift_jis", in, false, &fits), -EILSEQ);
            aiohttp__bytes_fini(&fits);
            aiohttp__bytes_fini(&little);
        }
}

static void without_memory(void **state)
{
    (void)state;
    static const char *const labels[] = { "utf-8", "latin1", "koi8-r" };
    for (size_t i = 0; i < 3; i++) {
        struct bytes out = bytes_up_to(64);
        asyncio__alloc_fail_at(1, 0);
        int r = decode(labels[i], SPAN("abc"), false, &out);
        asyncio__alloc_fail_at(0, 0);
        assert_int_equal(r, -ENOMEM);
        aiohttp__bytes_fini(&out);
    }
}

/* Whatever the bytes: UTF-8 comes out, not more than was said; what is right without being replaced
 * is the same with it. */
static void any_bytes(void **state)
{
    (void)state;
    static const char *const more[] = { "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le",
                                        "utf-32be" };
    const size_t count = sizeof samples / sizeof *samples;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < count + 6; i++) {
            const char *label = i < count ? samples[i].label : more[i - count];
            char bytes[64];
            for (size_t k = 0; k < sizeof bytes; k++) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                bytes[k] = (char)(random >> (round % 4 ? 24 : 25)); /* and ASCII only */
                if (round % 4 == 0)
                    bytes[k] &= 0x7f;
            }
            struct span in = { bytes, random % sizeof bytes };
            struct bytes strict = bytes_up_to(4 * in.size + 4), out = strict;
            int r = decode(label, in, false, &strict);
            int replaced = decode(label, in, true, &out);
            if ((r != 0 && r != -EILSEQ) || replaced != 0 || !aiohttp__is_utf8(text_of(&out)))
                fail_msg("%s, round %d: %d, %d", label, round, r, replaced);
            if (r == 0 && !span_is(text_of(&out), text_of(&strict)))
                fail_msg("%s, round %d: two texts", label, round);
            if (out.size > 4 * in.size)
                fail_msg("%s, round %d: %zu bytes of %zu", label, round, out.size, in.size);
            aiohttp__bytes_fini(&strict);
            aiohttp__bytes_fini(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_pythons), cmocka_unit_test(ascii_is_ascii),
        cmocka_unit_test(what_is_refused),     cmocka_unit_test(what_is_malformed),
        cmocka_unit_test(texts_are_apart),     cmocka_unit_test(sizes),
        cmocka_unit_test(without_memory),      cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
