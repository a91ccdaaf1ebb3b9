// SPDX-License-Identifier: MIT
#include "sim_http.h"

static bool is_token(llm_str s) {
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.ptr[i];
        const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static llm_str trimmed(llm_str s) {
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static bool is_clean(llm_str s) {
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

// The line at *at, without its CRLF; *at moves behind it.  false: no CRLF, or a bare LF.
static bool take_line(const char **at, const char *end, llm_str *ret_line) {
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    if (lf == NULL || lf == *at || lf[-1] != '\r') {
        return false;
    }
    *ret_line = (llm_str){*at, (size_t)(lf - 1 - *at)};
    *at = lf + 1;
    return true;
}

static void split_target(struct llm_sim_request *request) {
    llm_str path = request->target;
    if (path.len > 7 && memcmp(path.ptr, "http://", 7) == 0) {
        const char *slash = memchr(path.ptr + 7, '/', path.len - 7);
        const char *end = path.ptr + path.len;
        path = slash == NULL ? host_str("/") : (llm_str){slash, (size_t)(end - slash)};
    }
    request->query = (llm_str){0};
    const char *mark = path.len == 0 ? NULL : memchr(path.ptr, '?', path.len);
    if (mark != NULL) {
        request->query = (llm_str){mark + 1, path.len - (size_t)(mark + 1 - path.ptr)};
        path.len = (size_t)(mark - path.ptr);
    }
    request->path = path;
}

static int parse_request_line(struct llm_sim_request *request, llm_str line) {
    const char *space = memchr(line.ptr, ' ', line.len);
    if (space == NULL) {
        return 400;
    }
    request->method = (llm_str){line.ptr, (size_t)(space - line.ptr)};
    const llm_str rest = {space + 1, line.len - request->method.len - 1};
    space = rest.len == 0 ? NULL : memchr(rest.ptr, ' ', rest.len);
    if (space == NULL) {
        return 400;
    }
    request->target = (llm_str){rest.ptr, (size_t)(space - rest.ptr)};
    const llm_str version = {space + 1, rest.len - request->target.len - 1};
    if (!is_token(request->method) || request->target.len == 0 || !is_clean(request->target)) {
        return 400;
    }
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0) {
        return 400;
    }
    if (memcmp(version.ptr, "HTTP/1.1", 8) != 0) {
        return 505;
    }
    split_target(request);
    return 0;
}

static bool parse_length(llm_str value, size_t *ret) {
    size_t n = 0;
    if (value.len == 0 || value.len > 18) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9') {
            return false;
        }
        n = n * 10 + (size_t)(value.ptr[i] - '0');
    }
    *ret = n;
    return true;
}

// What a field means for framing.  0, or the status to refuse with.
static int use_field(struct llm_sim_reader *reader, const llm_header *field, bool *has_length) {
    struct llm_sim_request *request = &reader->request;
    switch (field->name.len) {
    case 4:
        if (host_same_name(field->name, host_str("host"))) {
            request->host = field->value;
        }
        return 0;
    case 6:
        if (host_same_name(field->name, host_str("expect"))) {
            request->wants_continue = host_same_name(field->value, host_str("100-continue"));
        }
        return 0;
    case 10:
        if (host_same_name(field->name, host_str("connection")) &&
            host_same_name(field->value, host_str("close"))) {
            request->keep_alive = false;
        }
        return 0;
    case 14:
        if (host_same_name(field->name, host_str("content-length"))) {
            const size_t before = reader->body_length;
            if (!parse_length(field->value, &reader->body_length) ||
                (*has_length && before != reader->body_length)) {
                return 400;
            }
            *has_length = true;
            return reader->body_length > LLM_SIM_MAX_BODY_BYTES ? 413 : 0;
        }
        return 0;
    case 17:
        if (host_same_name(field->name, host_str("transfer-encoding"))) {
            reader->chunked = host_same_name(field->value, host_str("chunked"));
            return reader->chunked ? 0 : 501;
        }
        return 0;
    default: return 0;
    }
}

static int parse_head(struct llm_sim_reader *reader, const char *base) {
    struct llm_sim_request *request = &reader->request;
    const char *at = base;
    const char *end = base + reader->head_bytes - 2;
    bool has_length = false;
    llm_str line;

    request->n_headers = 0;
    request->host = (llm_str){0};
    request->keep_alive = true;
    request->wants_continue = false;
    reader->body_length = 0;
    reader->base = base;
    if (!take_line(&at, end, &line)) {
        return 400;
    }
    int refused = parse_request_line(request, line);
    while (refused == 0 && at < end) {
        const char *colon = NULL;
        if (!take_line(&at, end, &line) || (colon = memchr(line.ptr, ':', line.len)) == NULL) {
            return 400;
        }
        if (request->n_headers == LLM_SIM_MAX_HEADERS) {
            return 431;
        }
        llm_header *field = &request->headers[request->n_headers++];
        field->name = (llm_str){line.ptr, (size_t)(colon - line.ptr)};
        field->value = trimmed((llm_str){colon + 1, line.len - field->name.len - 1});
        if (!is_token(field->name) || !is_clean(field->value)) {
            return 400;
        }
        refused = use_field(reader, field, &has_length);
    }
    return refused != 0 ? refused : has_length && reader->chunked ? 400 : 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A chunk's size; extensions are skipped.  false: none.
static bool parse_chunk_size(llm_str line, size_t *ret) {
    size_t n = 0, digits = 0;
    while (digits < line.len && digits < 9 && hex_digit(line.ptr[digits]) >= 0) {
        n = n * 16 + (size_t)hex_digit(line.ptr[digits++]);
    }
    *ret = n;
    return digits > 0 && digits < 9 && (digits == line.len || line.ptr[digits] == ';');
}

// Take one line of the chunked framing (a size, or a trailer).  As llm_sim_read, -1: go on.
static int chunk_line(struct llm_sim_reader *reader, const struct host_text *in) {
    const char *at = in->ptr + reader->at;
    const char *end = in->ptr + in->len;
    if (at == end || memchr(at, '\n', (size_t)(end - at)) == NULL) {
        return end - at > 1024 ? 400 : LLM_SIM_READ_MORE;
    }
    llm_str line;
    if (!take_line(&at, end, &line)) {
        return 400;
    }
    reader->at = (size_t)(at - in->ptr);
    if (reader->in_trailer) {
        return line.len == 0 ? LLM_SIM_READ_READY : -1;
    }
    size_t size;
    if (!parse_chunk_size(line, &size)) {
        return 400;
    }
    if (reader->body_bytes + size > LLM_SIM_MAX_BODY_BYTES) {
        return 413;
    }
    reader->in_trailer = size == 0;
    reader->in_chunk = size > 0;
    reader->chunk_left = size;
    return -1;
}

// Move what there is of the chunk under way to the end of the body.  As llm_sim_read, -1: go on.
static int chunk_data(struct llm_sim_reader *reader, struct host_text *in) {
    const size_t have = in->len - reader->at;
    const size_t take = have < reader->chunk_left ? have : reader->chunk_left;
    if (take > 0) {
        memmove(in->ptr + reader->head_bytes + reader->body_bytes, in->ptr + reader->at, take);
    }
    reader->body_bytes += take;
    reader->at += take;
    reader->chunk_left -= take;
    if (reader->chunk_left > 0 || in->len - reader->at < 2) {
        return LLM_SIM_READ_MORE;
    }
    if (memcmp(in->ptr + reader->at, "\r\n", 2) != 0) {
        return 400;
    }
    reader->at += 2;
    reader->in_chunk = false;
    return -1;
}

// Undecoded bytes are moved up, so that the buffer holds no more than one body and one read.
static void close_gap(struct llm_sim_reader *reader, struct host_text *in) {
    const size_t body_end = reader->head_bytes + reader->body_bytes;
    if (reader->at > body_end) {
        memmove(in->ptr + body_end, in->ptr + reader->at, in->len - reader->at);
        in->len -= reader->at - body_end;
        reader->at = body_end;
    }
}

static int read_chunked(struct llm_sim_reader *reader, struct host_text *in) {
    int result = -1;
    if (reader->at == 0) {
        reader->at = reader->head_bytes;
    }
    while (result < 0) {
        result = reader->in_chunk ? chunk_data(reader, in) : chunk_line(reader, in);
    }
    if (result == LLM_SIM_READ_READY) {
        reader->consumed = reader->at;
    } else if (result == LLM_SIM_READ_MORE) {
        close_gap(reader, in);
    }
    return result;
}

static int read_body(struct llm_sim_reader *reader, struct host_text *in) {
    if (reader->chunked) {
        return read_chunked(reader, in);
    }
    reader->body_bytes = reader->body_length;
    reader->consumed = reader->head_bytes + reader->body_length;
    if (in->len >= reader->consumed) {
        return LLM_SIM_READ_READY;
    }
    // The whole of it at once, so that a large body is not copied again and again.
    return host_text_reserve(in, reader->consumed - in->len) ? LLM_SIM_READ_MORE : 413;
}

static int find_head(struct llm_sim_reader *reader, const struct host_text *in) {
    const size_t from = reader->scanned > 3 ? reader->scanned - 3 : 0;
    const char *end = in->len - from < 4 ? NULL : memmem(in->ptr + from, in->len - from, "\r\n\r\n", 4);
    if (end == NULL) {
        reader->scanned = in->len;
        return in->len > LLM_SIM_MAX_HEAD_BYTES ? 431 : LLM_SIM_READ_MORE;
    }
    reader->head_bytes = (size_t)(end - in->ptr) + 4;
    return reader->head_bytes > LLM_SIM_MAX_HEAD_BYTES ? 431 : LLM_SIM_READ_READY;
}

int llm_sim_read(struct llm_sim_reader *reader, struct host_text *in) {
    if (reader->head_bytes == 0) {
        const int found = find_head(reader, in);
        if (found != LLM_SIM_READ_READY) {
            return found;
        }
        const int refused = parse_head(reader, in->ptr);
        if (refused != 0) {
            return refused;
        }
    }
    const int result = read_body(reader, in);
    if (result == LLM_SIM_READ_READY) {
        if (reader->base != in->ptr) {
            const size_t decoded = reader->body_bytes;
            parse_head(reader, in->ptr);
            reader->body_bytes = decoded;
        }
        reader->request.body = (llm_str){in->ptr + reader->head_bytes, reader->body_bytes};
    }
    return result;
}

llm_str llm_sim_header(const struct llm_sim_request *request, const char *name) {
    for (size_t i = 0; i < request->n_headers; i++) {
        if (host_same_name(request->headers[i].name, host_str(name))) {
            return request->headers[i].value;
        }
    }
    return (llm_str){0};
}

const char *llm_sim_reason(unsigned status) {
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {529, "Overloaded"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

const char *llm_sim_type_of(llm_str file) {
    static const struct {
        const char *end, *type;
    } types[] = {
        {".eventstream.bin", "application/vnd.amazon.eventstream"},
        {".html", "text/html"},
        {".json", "application/json"},
        {".jsonl", "application/x-ndjson"},
        {".mp3", "audio/mpeg"},
        {".png", "image/png"},
        {".sse", "text/event-stream"},
        {".svg", "image/svg+xml"},
        {".txt", "text/plain"},
        {".webp", "image/webp"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const size_t n = strlen(types[i].end);
        if (file.len > n && memcmp(file.ptr + file.len - n, types[i].end, n) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

void llm_sim_head_status(struct host_text *buf, unsigned status) {
    host_text_text(buf, "HTTP/1.1 ");
    host_text_number(buf, status);
    host_text_text(buf, " ");
    host_text_text(buf, llm_sim_reason(status));
    host_text_text(buf, "\r\n");
}

void llm_sim_head_field(struct host_text *buf, llm_str name, llm_str value) {
    host_text_add(buf, name.ptr, name.len);
    host_text_text(buf, ": ");
    host_text_add(buf, value.ptr, value.len);
    host_text_text(buf, "\r\n");
}
