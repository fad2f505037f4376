/* SPDX-License-Identifier: MIT */
/* The text of a netrc file: see netrc.h. */
#include "wire/netrc.h"

#include <errno.h>

struct reader {
    struct span text;
    size_t at, line;
    struct bytes *out; /* where words are put together */
    bool is_wrong;     /* a quoted word without its end */
};

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char next_byte(struct reader *reader)
{
    char c = reader->text.data[reader->at++];
    reader->line += c == '\n';
    return c;
}

static void skip_white(struct reader *reader)
{
    while (reader->at < reader->text.size && is_white(reader->text.data[reader->at]))
        next_byte(reader);
}

static void skip_line(struct reader *reader)
{
    while (reader->at < reader->text.size && next_byte(reader) != '\n')
        ;
}

/* The next word, appended to `out`: where it begins there. False at the end. */
static bool word(struct reader *reader, size_t *ret_from)
{
    *ret_from = reader->out->size;
    skip_white(reader);
    if (reader->at == reader->text.size)
        return false;
    bool is_quoted = reader->text.data[reader->at] == '"';
    if (is_quoted)
        next_byte(reader);
    while (reader->at < reader->text.size) {
        char c = reader->text.data[reader->at];
        if (is_quoted ? c == '"' : is_white(c))
            break;
        next_byte(reader);
        if (c == '\\' && reader->at < reader->text.size)
            c = next_byte(reader);
        bytes_put(reader->out, c);
    }
    if (is_quoted && reader->at == reader->text.size)
        reader->is_wrong = true;
    else if (is_quoted)
        next_byte(reader);
    return true;
}

/* A word that is only compared: it does not stay in `out`. */
static bool keyword(struct reader *reader, char ret_word[16])
{
    size_t from;
    while (word(reader, &from)) {
        struct span text = bytes_since(reader->out, from);
        if (text.size == 0 || text.data[0] != '#') {
            size_t size = text.size < 15 ? text.size : 15;
            memcpy(ret_word, text.data, size);
            ret_word[size] = '\0';
            reader->out->size = from;
            return true;
        }
        reader->out->size = from;
        if (reader->text.data[reader->at - 1] != '\n')
            skip_line(reader);
    }
    return false;
}

/* macdef: its name, and all up to an empty line. */
static void skip_macro(struct reader *reader)
{
    skip_line(reader);
    while (reader->at < reader->text.size) {
        char c = reader->text.data[reader->at];
        if (c == '\n' || c == '\r') {
            skip_line(reader);
            return;
        }
        skip_line(reader);
    }
}

struct place {
    size_t at, size;
};

/* What belongs to an entry, up to the next keyword of another kind, which is in `ret_word`. 1, 0 at
 * the end, -EINVAL. */
static int entry(struct reader *reader, char ret_word[16], struct place *login,
                 struct place *password)
{
    while (keyword(reader, ret_word)) {
        struct place *to = NULL, other;
        if (strcmp(ret_word, "login") == 0 || strcmp(ret_word, "user") == 0)
            to = login;
        else if (strcmp(ret_word, "password") == 0)
            to = password;
        else if (strcmp(ret_word, "account") == 0)
            to = &other;
        else
            return 1;
        if (!word(reader, &to->at))
            return -EINVAL;
        to->size = reader->out->size - to->at;
    }
    return 0;
}

static void found(const struct bytes *out, struct place login, struct place password,
                  struct netrc *ret_netrc)
{
    const char *data = out->data ? out->data : "";
    ret_netrc->login = (struct span){ data + login.at, login.size };
    ret_netrc->password = (struct span){ data + password.at, password.size };
}

int aiohttp__netrc_read(struct bytes *out, struct span text, struct span host,
                        struct netrc *ret_netrc)
{
    struct reader reader = { .text = text, .line = 1, .out = out };
    struct place chosen_login = { 0, 0 }, chosen_password = { 0, 0 };
    bool has_host = false, has_default = false;
    char name[16];
    int more = keyword(&reader, name);
    while (more == 1 && !reader.is_wrong && !out->error) {
        bool is_default = strcmp(name, "default") == 0, is_ours = is_default;
        if (strcmp(name, "machine") == 0) {
            size_t from;
            if (!word(&reader, &from))
                break;
            is_ours = span_is_case(bytes_since(out, from), host);
            out->size = from;
        } else if (strcmp(name, "macdef") == 0) {
            skip_macro(&reader);
            more = keyword(&reader, name);
            continue;
        } else if (!is_default) {
            break;
        }
        size_t before = out->size;
        struct place login = { before, 0 }, password = { before, 0 };
        more = entry(&reader, name, &login, &password);
        if (is_ours && !has_host && (!is_default || !has_default)) {
            chosen_login = login;
            chosen_password = password;
            has_host = !is_default;
            has_default = has_default || is_default;
        } else {
            out->size = before;
        }
    }
    ret_netrc->line = reader.line;
    if (out->error)
        return out->error;
    if (more != 0 || reader.is_wrong)
        return -EINVAL;
    found(out, chosen_login, chosen_password, ret_netrc);
    return has_host || has_default;
}
