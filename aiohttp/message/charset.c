/* SPDX-License-Identifier: MIT */
/* Charsets: see charset.h. ISO-8859-1 and UTF-8 are done here, as they need no module of iconv's,
 * which small systems leave out. */
#include "message/charset.h"

#include "wire/ascii.h"
#include "wire/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdatomic.h>

/* The labels of the Encoding standard, 4.2, and of Python's encodings.aliases. All but UTF-16 and
 * UTF-32 have ASCII where ASCII is. */
static const struct charset charsets[] = {
    { "UTF-8", 1, "utf-8 utf8 unicode-1-1-utf-8 u8 utf cp65001" },
    { "ASCII", 1, "us-ascii ascii ansi-x3.4-1968 ansi-x3.4-1986 iso-ir-6 iso646-us 646 us" },
    { "ISO-8859-1", 1,
      "iso-8859-1 iso8859-1 iso88591 iso-8859-1:1987 latin1 latin-1 l1 csisolatin1 iso-ir-100 "
      "cp819 ibm819 8859" },
    { "ISO-8859-2", 1,
      "iso-8859-2 iso8859-2 iso88592 iso-8859-2:1987 latin2 l2 csisolatin2 iso-ir-101" },
    { "ISO-8859-3", 1,
      "iso-8859-3 iso8859-3 iso88593 iso-8859-3:1988 latin3 l3 csisolatin3 iso-ir-109" },
    { "ISO-8859-4", 1,
      "iso-8859-4 iso8859-4 iso88594 iso-8859-4:1988 latin4 l4 csisolatin4 iso-ir-110" },
    { "ISO-8859-5", 1,
      "iso-8859-5 iso8859-5 iso88595 iso-8859-5:1988 cyrillic csisolatincyrillic iso-ir-144" },
    { "ISO-8859-6", 1,
      "iso-8859-6 iso8859-6 iso88596 iso-8859-6:1987 iso-8859-6-e iso-8859-6-i csiso88596e "
      "csiso88596i arabic asmo-708 ecma-114 csisolatinarabic iso-ir-127" },
    { "ISO-8859-7", 1,
      "iso-8859-7 iso8859-7 iso88597 iso-8859-7:1987 greek greek8 ecma-118 elot-928 "
      "csisolatingreek sun-eu-greek iso-ir-126" },
    { "ISO-8859-8", 1,
      "iso-8859-8 iso8859-8 iso88598 iso-8859-8:1988 iso-8859-8-e iso-8859-8-i csiso88598e "
      "csiso88598i hebrew visual logical csisolatinhebrew iso-ir-138" },
    { "ISO-8859-9", 1,
      "iso-8859-9 iso8859-9 iso88599 iso-8859-9:1989 latin5 l5 csisolatin5 iso-ir-148" },
    { "ISO-8859-10", 1, "iso-8859-10 iso8859-10 iso885910 latin6 l6 csisolatin6 iso-ir-157" },
    { "ISO-8859-11", 1, "iso-8859-11 iso8859-11 iso885911 thai" },
    { "ISO-8859-13", 1, "iso-8859-13 iso8859-13 iso885913 latin7 l7" },
    { "ISO-8859-14", 1, "iso-8859-14 iso8859-14 iso885914 latin8 l8 iso-ir-199" },
    { "ISO-8859-15", 1, "iso-8859-15 iso8859-15 iso885915 latin9 latin-9 l9 csisolatin9" },
    { "ISO-8859-16", 1, "iso-8859-16 iso8859-16 iso885916 latin10 l10 iso-ir-226" },
    { "KOI8-R", 1, "koi8-r koi8 koi cskoi8r" },
    { "KOI8-U", 1, "koi8-u koi8-ru" },
    { "IBM437", 1, "cp437 ibm437 437" },
    { "IBM850", 1, "cp850 ibm850 850" },
    { "IBM852", 1, "cp852 ibm852 852" },
    { "IBM855", 1, "cp855 ibm855 855" },
    { "IBM857", 1, "cp857 ibm857 857" },
    { "IBM860", 1, "cp860 ibm860 860" },
    { "IBM861", 1, "cp861 ibm861 861" },
    { "IBM862", 1, "cp862 ibm862 862" },
    { "IBM863", 1, "cp863 ibm863 863" },
    { "IBM865", 1, "cp865 ibm865 865" },
    { "IBM869", 1, "cp869 ibm869 869" },
    { "IBM866", 1, "cp866 ibm866 866 csibm866" },
    { "MACINTOSH", 1, "macintosh mac x-mac-roman csmacintosh mac-roman" },
    { "MAC-CYRILLIC", 1, "x-mac-cyrillic x-mac-ukrainian mac-cyrillic" },
    { "CP874", 1, "windows-874 cp874 dos-874" },
    { "TIS-620", 1, "tis-620 tis620" },
    { "CP1250", 1, "windows-1250 cp1250 x-cp1250 1250" },
    { "CP1251", 1, "windows-1251 cp1251 x-cp1251 1251" },
    { "CP1252", 1, "windows-1252 cp1252 x-cp1252 1252" },
    { "CP1253", 1, "windows-1253 cp1253 x-cp1253 1253" },
    { "CP1254", 1, "windows-1254 cp1254 x-cp1254 1254" },
    { "CP1255", 1, "windows-1255 cp1255 x-cp1255 1255" },
    { "CP1256", 1, "windows-1256 cp1256 x-cp1256 1256" },
    { "CP1257", 1, "windows-1257 cp1257 x-cp1257 1257" },
    { "CP1258", 1, "windows-1258 cp1258 x-cp1258 1258" },
    { "GB2312", 1,
      "gb2312 gb-2312 gb2312-80 gb-2312-80 euc-cn euccn eucgb2312-cn chinese csgb2312 "
      "csiso58gb231280 iso-ir-58 gb2312-1980" },
    { "GBK", 1, "gbk x-gbk cp936 ms936 936" },
    { "GB18030", 1, "gb18030 gb18030-2000" },
    { "BIG5", 1, "big5 csbig5 cn-big5 x-x-big5 big5-tw" },
    { "BIG5-HKSCS", 1, "big5-hkscs big5hkscs hkscs" },
    { "CP950", 1, "cp950 ms950 950" },
    { "EUC-JP", 1, "euc-jp eucjp x-euc-jp cseucpkdfmtjapanese ujis u-jis" },
    /* not iconv's SHIFT_JIS, in which a backslash is a yen */
    { "CP932", 1,
      "shift-jis shiftjis sjis s-jis csshiftjis windows-31j cp932 ms932 932 ms-kanji mskanji "
      "x-sjis" },
    { "ISO-2022-JP", 1, "iso-2022-jp iso2022-jp iso2022jp csiso2022jp" },
    { "EUC-KR", 1,
      "euc-kr euckr cseuckr korean ksc5601 ksc-5601 ks-c-5601 ks-c-5601-1987 ks-c-5601-1989 "
      "ksx1001 ks-x-1001 csksc56011987 iso-ir-149" },
    { "CP949", 1, "windows-949 cp949 ms949 949 uhc" },
    { "UTF-16", 2, "utf-16 utf16 u16" },
    { "UTF-16LE", 2, "utf-16le utf-16-le" },
    { "UTF-16BE", 2, "utf-16be utf-16-be" },
    { "UTF-32", 4, "utf-32 utf32 u32" },
    { "UTF-32LE", 4, "utf-32le utf-32-le" },
    { "UTF-32BE", 4, "utf-32be utf-32-be" },
};

enum { UTF_8, ASCII, LATIN_1 }; /* the first ones of the table */

enum { CHARSETS = sizeof charsets / sizeof *charsets, LABEL_MOST = 64, PIECE = 1024 };

static const char replacement[] = "\xef\xbf\xbd";

/* As labels are written in the table: how long, or 0 for what can be none. */
static size_t fold(struct span label, char out[LABEL_MOST])
{
    if (label.size > LABEL_MOST)
        return 0;
    for (size_t i = 0; i < label.size; i++) {
        char c = (char)ascii_lower(label.data[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("._:-", c))))
            return 0;
        out[i] = c == '_' ? '-' : c;
    }
    return label.size;
}

const struct charset *aiohttp__charset_find(struct span label)
{
    char folded[LABEL_MOST];
    size_t size = fold(label, folded);
    for (size_t i = 0; size && i < CHARSETS; i++)
        for (const char *at = charsets[i].labels; *at;) {
            size_t length = strcspn(at, " ");
            if (length == size && memcmp(at, folded, size) == 0)
                return &charsets[i];
            at += length + (at[length] == ' ');
        }
    return NULL;
}

bool aiohttp__charset_is_name(struct span label)
{
    char folded[LABEL_MOST];
    return fold(label, folded) > 0;
}

bool aiohttp__charset_is_utf8(const struct charset *charset)
{
    return charset == &charsets[UTF_8] || charset == &charsets[ASCII];
}

/* --- what needs no iconv --- */

static int from_utf8(struct span text, bool is_replaced, struct bytes *out)
{
    while (text.size) {
        size_t bad = 0, size = utf8_next(text, &bad);
        if (!size && !is_replaced)
            return -EILSEQ;
        if (size)
            aiohttp__bytes_append(out, text.data, size);
        else
            bytes_text(out, replacement);
        size = size ? size : bad;
        text = (struct span){ text.data + size, text.size - size };
    }
    return out->error;
}

/* ISO-8859-1 is what comes first in Unicode. */
static int from_latin(struct span text, struct bytes *out)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80)
            bytes_put(out, (char)(0xc0 | c >> 6));
        bytes_put(out, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
    }
    return out->error;
}

/* --- iconv --- */

/* What it still holds back of what it has taken. */
static void flush(iconv_t from, struct bytes *out)
{
    char piece[64], *at = piece;
    size_t room = sizeof piece;
    iconv(from, NULL, NULL, &at, &room);
    aiohttp__bytes_append(out, piece, (size_t)(at - piece));
}

static int convert(iconv_t from, size_t unit, struct span text, bool is_replaced,
                   struct bytes *out)
{
    char *in = (char *)(uintptr_t)text.data;
    size_t left = text.size;
    while (left && !out->error) {
        char piece[PIECE], *at = piece;
        size_t room = sizeof piece, before = left;
        size_t r = iconv(from, &in, &left, &at, &room);
        int error = r == (size_t)-1 ? errno : 0;
        aiohttp__bytes_append(out, piece, (size_t)(at - piece));
        if (error == 0 || (error == E2BIG && (left < before || at > piece)))
            continue;
        if (!is_replaced)
            return -EILSEQ;
        bool is_last = error == EINVAL || left <= unit; /* it ends within a character */
        if (is_last)
            flush(from, out);
        bytes_text(out, replacement);
        in += is_last ? left : unit;
        left -= is_last ? left : unit;
    }
    flush(from, out);
    return out->error;
}

/* --- both --- */

/* One of each charset is kept: where its module is read anew each time, a form whose parts are in
 * ever other ones takes 180 microseconds for each (measured with glibc 2.36). */
static _Atomic(void *) kept[CHARSETS];

static _Atomic(void *) *place_of(const struct charset *charset)
{
    uintptr_t at = (uintptr_t)charset - (uintptr_t)charsets;
    return at < sizeof charsets ? &kept[at / sizeof *charsets] : NULL;
}

int aiohttp__charset_begin(struct charset_decoder *decoder, const struct charset *charset)
{
    _Atomic(void *) *place = place_of(charset);
    *decoder = (struct charset_decoder){ .charset = charset };
    if (charset == &charsets[UTF_8] || charset == &charsets[LATIN_1])
        return 0;
    if (place && (decoder->iconv = atomic_exchange(place, NULL)))
        return 0;
    iconv_t from = iconv_open("UTF-8", charset->name);
    if (from == (iconv_t)-1) /* NOLINT: it is how iconv says so */
        return errno == ENOMEM ? -ENOMEM : -EINVAL;
    decoder->iconv = from;
    return 0;
}

int aiohttp__charset_decode(struct charset_decoder *decoder, struct span text, bool is_replaced,
                            struct bytes *out)
{
    if (!decoder->iconv)
        return decoder->charset == &charsets[UTF_8] ? from_utf8(text, is_replaced, out)
                                                    : from_latin(text, out);
    iconv(decoder->iconv, NULL, NULL, NULL, NULL); /* what an earlier text has left */
    return convert(decoder->iconv, decoder->charset->unit, text, is_replaced, out);
}

void aiohttp__charset_end(struct charset_decoder *decoder)
{
    _Atomic(void *) *place = decoder->iconv ? place_of(decoder->charset) : NULL;
    void *none = NULL;
    if (decoder->iconv && !(place && atomic_compare_exchange_strong(place, &none, decoder->iconv)))
        iconv_close(decoder->iconv);
    decoder->iconv = NULL;
}
