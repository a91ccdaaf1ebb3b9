// SPDX-License-Identifier: MIT
#include "net/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/spare.h"
#include "net/url.h"

#define POOL_MAX 256u       // idle handles kept for reuse; each holds some 10 KiB
#define GATHER_BYTES 65536u // bodies up to this are put together and leave in one write with the head
#define DRAIN_BYTES 65536u  // what is read of an answer whose end we know already
#define DRAIN_US 1000000u

struct llm_exchange {
    struct llm_exchange *next, *prev; // in http->active or http->idle (next only)
    struct llm_http *http;
    CURL *easy;
    CURLU *url;
    struct llm_buf url_text;   // what `url` was parsed from
    struct curl_slist *fields; // n_fields nodes, ours; their texts are the caller's
    size_t n_fields;
    struct llm_http_call call;
    struct llm_buf gathered;    // a small body in one piece
    size_t body_at, body_slice; // what the read callback has given so far
    struct llm_buf head;        // its fields, see keep()
    size_t n_headers;
    uint32_t http_status;
    llm_status status;  // why a callback of ours stopped it
    const char *reason; // static; NULL: libcurl's own words
    bool head_given, draining, stopped, in_callback, custom_method;
    size_t drained;
    size_t beside; // bytes of 1xx and of trailers
    struct llm_timer drain_timer;
    char error[CURL_ERROR_SIZE];
};

struct llm_http {
    struct llm_reactor *reactor;
    CURLM *multi;
    struct llm_exchange *active, *idle;
    size_t n_idle;
    struct llm_spare spare; // of the idle ones
    struct llm_timer timer;
    struct llm_buf ca_file, ca_path, proxy; // ptr NULL: not set
    bool environment_proxy;
    llm_header headers[LLM_MAX_HEADER_FIELDS]; // of the head that is complete now
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void) {
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

// ---- between libcurl and the reactor ---------------------------------------------------------------------------

static void finish(struct llm_exchange *x, CURLcode result);

static void collect(struct llm_http *http) {
    int left = 0;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct llm_exchange *x = NULL;
        if (msg->msg == CURLMSG_DONE &&
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&x) == CURLE_OK) {
            finish(x, msg->data.result);
        }
    }
}

void llm_http_ready(struct llm_http *http, int fd, int events) {
    int running = 0;
    const int bits = ((events & LLM_LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
                     ((events & LLM_LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(http->multi, fd, bits, &running);
    collect(http);
}

static void on_timer(struct llm_timer *timer) {
    struct llm_http *http = (struct llm_http *)(void *)((char *)timer - offsetof(struct llm_http, timer));
    int running = 0;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(http);
}

static int timer_changed(CURLM *multi, long timeout_ms, void *ctx) {
    struct llm_http *http = ctx;
    (void)multi;
    if (timeout_ms < 0) {
        llm_timer_clear(http->reactor, &http->timer);
        return 0;
    }
    // At once is now, never earlier: a transfer that always has more to read must not go before a deadline that has passed.
    const uint64_t at = http->reactor->now_us + (uint64_t)timeout_ms * 1000;
    return llm_timer_set(http->reactor, &http->timer, at) == LLM_OK ? 0 : -1;
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_data) {
    struct llm_http *http = ctx;
    (void)easy;
    (void)socket_data;
    const int events = what == CURL_POLL_IN      ? LLM_LOOP_READ
                       : what == CURL_POLL_OUT   ? LLM_LOOP_WRITE
                       : what == CURL_POLL_INOUT ? LLM_LOOP_READ | LLM_LOOP_WRITE
                                                 : 0;
    return llm_reactor_watch(http->reactor, fd, events) == LLM_OK ? 0 : -1;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    struct llm_exchange *x = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN) {
        return CURL_SOCKET_BAD;
    }
    if (x->call.public_only && !llm_address_is_public(&address->addr)) {
        x->status = LLM_E_DENIED;
        return CURL_SOCKET_BAD;
    }
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    llm_reactor_opened(x->http->reactor, fd);
    return fd;
}

static int close_socket(void *ctx, curl_socket_t fd) {
    struct llm_http *http = ctx;
    llm_reactor_closed(http->reactor, fd);
    return close(fd);
}

// ---- the answer -----------------------------------------------------------------------------------------------

// A field is kept as the lengths of name and value, then both, each with a NUL: the exchange lasts much longer than its head.
struct kept {
    uint32_t name, value;
};

static llm_status keep(struct llm_exchange *x, llm_str name, llm_str value) {
    const struct kept kept = {(uint32_t)name.len, (uint32_t)value.len};
    const size_t size = sizeof kept + name.len + value.len + 2;
    if (llm_buf_reserve(&x->head, size) != LLM_OK) {
        return LLM_E_LIMIT;
    }
    char *at = x->head.ptr + x->head.len;
    memcpy(at, &kept, sizeof kept);
    at += sizeof kept;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        *at++ = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    *at++ = '\0';
    memcpy(at, value.ptr, value.len);
    at[value.len] = '\0';
    x->head.len += size;
    x->n_headers++;
    return LLM_OK;
}

// The fields as an array, which all exchanges of a loop share: it is read before the next head is complete.
static const llm_header *all_fields(struct llm_exchange *x) {
    llm_header *headers = x->http->headers;
    const char *at = x->head.ptr;
    for (size_t i = 0; i < x->n_headers; i++) {
        struct kept kept;
        memcpy(&kept, at, sizeof kept);
        at += sizeof kept;
        headers[i] = (llm_header){{at, kept.name}, {at + kept.name + 1, kept.value}};
        at += (size_t)kept.name + kept.value + 2;
    }
    return headers;
}

// One length, or several that are the same number: of two different ones nobody can say where the answer ends.
static llm_status check_length(struct llm_exchange *x, const llm_header *headers) {
    uint64_t length = UINT64_MAX;
    for (size_t i = 0; i < x->n_headers; i++) {
        uint64_t one;
        if (!llm_str_is(headers[i].name, "content-length")) {
            continue;
        }
        if (!llm_str_uint(headers[i].value, INT64_MAX, &one) || (length != UINT64_MAX && one != length)) {
            x->reason = length == UINT64_MAX ? "the answer's Content-Length is no number"
                                             : "the answer states two lengths";
            return LLM_E_TRANSPORT;
        }
        length = one;
    }
    return LLM_OK;
}

static llm_status give_head(struct llm_exchange *x) {
    const llm_header *headers = all_fields(x);
    const llm_status status = check_length(x, headers);
    if (status != LLM_OK) {
        return status;
    }
    x->head_given = true;
    return x->call.on_head(x->call.ctx, x->http_status, headers, x->n_headers);
}

static llm_status head_line(struct llm_exchange *x, llm_str line) {
    uint64_t code = 0;
    if (llm_str_starts(line, LLM_STR("HTTP/"))) {
        const char *blank = memchr(line.ptr, ' ', line.len);
        const llm_str rest =
            blank != NULL ? llm_str_cut(line, (size_t)(blank - line.ptr) + 1) : (llm_str){"", 0};
        if (!llm_str_uint((llm_str){rest.ptr, rest.len < 3 ? rest.len : 3}, 999, &code) || code < 100) {
            return LLM_E_TRANSPORT;
        }
        x->http_status = (uint32_t)code;
        x->n_headers = 0;
        x->head.len = 0;
        return LLM_OK;
    }
    line = llm_str_trim(line);
    if (line.len == 0) {
        return x->http_status >= 200 ? give_head(x) : LLM_OK;
    }
    const char *colon = memchr(line.ptr, ':', line.len);
    if (colon == NULL || x->n_headers == LLM_MAX_HEADER_FIELDS) {
        return colon == NULL ? LLM_OK : LLM_E_LIMIT;
    }
    const llm_str name = {line.ptr, (size_t)(colon - line.ptr)};
    return keep(x, name, llm_str_trim(llm_str_cut(line, name.len + 1)));
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx) {
    struct llm_exchange *x = ctx;
    if (x->head_given || x->draining ||
        x->http_status < 200) { // trailers, which never become headers, and 1xx
        x->beside += size * n;
    }
    if (x->beside > LLM_MAX_HEADER_BYTES) { // libcurl keeps them all
        x->status = LLM_E_LIMIT;
        x->reason = "fields without end before or behind the answer";
        return 0;
    }
    if (x->head_given || x->draining) {
        return size * n;
    }
    x->in_callback = true;
    const llm_status status = head_line(x, (llm_str){p, size * n});
    x->in_callback = false;
    if (status != LLM_OK && !x->draining) {
        x->status = status;
    }
    return x->status == LLM_OK ? size * n : 0;
}

static size_t on_write(char *p, size_t size, size_t n, void *ctx) {
    struct llm_exchange *x = ctx;
    if (x->draining) {
        x->drained += size * n;
        return x->drained <= DRAIN_BYTES ? size * n : 0;
    }
    x->in_callback = true;
    const llm_status status = x->call.on_data(x->call.ctx, p, size * n);
    x->in_callback = false;
    if (status != LLM_OK && !x->draining) {
        x->status = status;
    }
    return x->status == LLM_OK ? size * n : 0;
}

static size_t on_read(char *p, size_t size, size_t n, void *ctx) {
    struct llm_exchange *x = ctx;
    size_t room = size * n, given = 0;
    while (given < room && x->body_slice < x->call.n_body) {
        const struct llm_slice *slice = &x->call.body[x->body_slice];
        const size_t left = slice->len - x->body_at;
        const size_t take = left < room - given ? left : room - given;
        memcpy(p + given, (const char *)slice->ptr + x->body_at, take);
        given += take;
        x->body_at += take;
        if (x->body_at == slice->len) {
            x->body_slice++;
            x->body_at = 0;
        }
    }
    return given;
}

static int on_seek(void *ctx, curl_off_t offset, int origin) {
    struct llm_exchange *x = ctx;
    if (offset != 0 || origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    x->body_at = x->body_slice = 0;
    return CURL_SEEKFUNC_OK;
}

// ---- handles --------------------------------------------------------------------------------------------------

static void set_trust(struct llm_http *http, CURL *easy) {
    // Never both a bundle and a directory: with both, every new connection parses the whole bundle (19 ms of CPU).
    if (http->ca_path.ptr != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, http->ca_path.ptr);
    } else if (http->ca_file.ptr != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file.ptr);
    }
}

static void set_constant(struct llm_exchange *x) {
    struct llm_http *http = x->http;
    CURL *easy = x->easy;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)x);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    // Without it, stopping an exchange waits for a look-up that hangs, and the whole loop with it.
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, x);
    (void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http);
    if (!http->environment_proxy) {
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy.ptr != NULL ? http->proxy.ptr : "");
    }
    if (!http->environment_proxy && http->proxy.ptr == NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); // else each transfer asks the environment
    }
    set_trust(http, easy);
}

static void exchange_free(struct llm_exchange *x) {
    if (x == NULL) {
        return;
    }
    curl_easy_cleanup(x->easy);
    curl_url_cleanup(x->url);
    llm_buf_done(&x->url_text);
    llm_buf_done(&x->gathered);
    llm_buf_done(&x->head);
    llm_mem_free(x->fields);
    llm_mem_free(x);
}

static struct llm_exchange *exchange_new(struct llm_http *http) {
    struct llm_exchange *x = llm_mem_new(sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    x->http = http;
    x->url_text.max = LLM_MAX_URL_BYTES + LLM_MAX_KEY_BYTES * 3;
    x->gathered.max = GATHER_BYTES;
    x->head.max = LLM_MAX_HEADER_BYTES + LLM_MAX_HEADER_FIELDS * sizeof(struct kept);
    x->easy = curl_easy_init();
    x->url = curl_url();
    if (x->easy == NULL || x->url == NULL) {
        exchange_free(x);
        return NULL;
    }
    set_constant(x);
    return x;
}

// The n last used ones stay.
static void keep_idle(struct llm_http *http, size_t n) {
    struct llm_exchange **at = &http->idle;
    if (n >= http->n_idle) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        at = &(*at)->next;
    }
    while (*at != NULL) {
        struct llm_exchange *x = *at;
        *at = x->next;
        exchange_free(x);
    }
    http->n_idle = n;
}

// Take it off the list and keep it for the next call.
static void retire(struct llm_exchange *x) {
    struct llm_http *http = x->http;
    *(x->prev != NULL ? &x->prev->next : &http->active) = x->next;
    if (x->next != NULL) {
        x->next->prev = x->prev;
    }
    x->prev = NULL;
    llm_timer_clear(http->reactor, &x->drain_timer);
    (void)curl_multi_remove_handle(http->multi, x->easy);
    (void)curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, NULL);
    x->call = (struct llm_http_call){0};
    llm_buf_reset(&x->head, 4096);
    if (x->gathered.ptr != NULL) {
        x->gathered.len = 0;
    }
    if (http->n_idle >= POOL_MAX) {
        exchange_free(x);
        return;
    }
    x->next = http->idle;
    http->idle = x;
    http->n_idle++;
    keep_idle(http, http->n_idle - llm_spare_put(&http->spare, http->n_idle, http->reactor->now_us));
}

static llm_status set_url(struct llm_exchange *x, const char *url) {
    const size_t len = strlen(url);
    if (x->url_text.len == len && x->url_text.ptr != NULL && memcmp(x->url_text.ptr, url, len) == 0) {
        return LLM_OK;
    }
    x->url_text.len = 0;
    if (curl_url_set(x->url, CURLUPART_URL, url, 0) != CURLUE_OK ||
        llm_buf_put(&x->url_text, url, len) != LLM_OK) {
        x->url_text.len = 0;
        return LLM_E_INVALID_REQUEST;
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_CURLU, x->url);
    return LLM_OK;
}

static llm_status set_fields(struct llm_exchange *x, const struct llm_http_call *call) {
    if (call->n_lines > x->n_fields) {
        struct curl_slist *fields = llm_mem_resize(x->fields, call->n_lines * sizeof *fields);
        if (fields == NULL) {
            return LLM_E_NOMEM;
        }
        x->fields = fields;
        x->n_fields = call->n_lines;
    }
    for (size_t i = 0; i < call->n_lines; i++) {
        // libcurl only reads them: the list is ours, so that no call costs an allocation.
        x->fields[i].data = (char *)(uintptr_t)call->lines[i];
        x->fields[i].next = i + 1 < call->n_lines ? &x->fields[i + 1] : NULL;
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, call->n_lines > 0 ? x->fields : NULL);
    return LLM_OK;
}

static llm_status set_body(struct llm_exchange *x, const struct llm_http_call *call) {
    const bool get = strcmp(call->method, "GET") == 0;
    const bool post = strcmp(call->method, "POST") == 0;
    size_t total = 0;
    for (size_t i = 0; i < call->n_body; i++) {
        total += call->body[i].len;
    }
    if (x->custom_method || (!get && !post)) {
        (void)curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, get || post ? NULL : call->method);
        x->custom_method = !get && !post;
    }
    if (get || (!post && total == 0)) {
        (void)curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
        return LLM_OK;
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)total);
    const void *whole = call->n_body == 1 ? call->body[0].ptr : call->n_body == 0 ? "" : NULL;
    if (whole == NULL && total <= GATHER_BYTES) {
        x->gathered.len = 0;
        for (size_t i = 0; i < call->n_body; i++) {
            if (llm_buf_put(&x->gathered, call->body[i].ptr, call->body[i].len) != LLM_OK) {
                return LLM_E_NOMEM;
            }
        }
        whole = x->gathered.ptr;
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, whole); // borrowed; NULL: the read callback
    return LLM_OK;
}

llm_status llm_http_start(struct llm_http *http, const struct llm_http_call *call,
                          struct llm_exchange **ret) {
    struct llm_exchange *x = http->idle;
    if (x != NULL) {
        http->idle = x->next;
        http->n_idle--;
        llm_spare_taken(&http->spare, http->n_idle);
    } else if ((x = exchange_new(http)) == NULL) {
        return LLM_E_NOMEM;
    }
    x->call = *call;
    x->status = LLM_OK;
    x->http_status = 0;
    x->n_headers = x->body_at = x->body_slice = x->drained = x->beside = 0;
    x->head_given = x->draining = x->stopped = x->in_callback = false;
    x->error[0] = '\0';
    x->reason = NULL;
    llm_status status = set_url(x, call->url);
    if (status == LLM_OK && (status = set_fields(x, call)) == LLM_OK) {
        status = set_body(x, call);
    }
    (void)curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms);
    if (status == LLM_OK && curl_multi_add_handle(http->multi, x->easy) != CURLM_OK) {
        status = LLM_E_NOMEM;
    }
    if (status != LLM_OK) {
        exchange_free(x);
        return status;
    }
    x->prev = NULL;
    x->next = http->active;
    if (x->next != NULL) {
        x->next->prev = x;
    }
    http->active = x;
    *ret = x;
    return LLM_OK;
}

static void on_drain_timer(struct llm_timer *timer) {
    retire((struct llm_exchange *)(void *)((char *)timer - offsetof(struct llm_exchange, drain_timer)));
}

void llm_exchange_stop(struct llm_exchange *x, bool drain) {
    x->stopped = true;
    if (drain) {
        x->draining = true;
        x->drain_timer.fire = on_drain_timer;
        if (llm_timer_set(x->http->reactor, &x->drain_timer, llm_clock_us() + DRAIN_US) == LLM_OK) {
            return;
        }
    }
    if (x->in_callback) { // libcurl is on the stack: the callback's answer ends it, finish() retires it
        x->status = LLM_E_CANCELLED;
        return;
    }
    retire(x);
}

bool llm_exchange_sent(const struct llm_exchange *x) {
    curl_off_t ready_us = 0;
    (void)curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us > 0 || x->http_status != 0;
}

void llm_exchange_times(const struct llm_exchange *x, struct llm_http_times *ret) {
    const CURLINFO infos[] = {CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
                              CURLINFO_APPCONNECT_TIME_T};
    int64_t *const times[] = {&ret->dns_us, &ret->connect_us, &ret->tls_us};
    long connects = 0;
    ret->known = curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK;
    ret->reused = connects == 0;
    for (size_t i = 0; i < 3; i++) {
        curl_off_t us = 0;
        const bool good = curl_easy_getinfo(x->easy, infos[i], &us) == CURLE_OK && us > 0 && !ret->reused;
        *times[i] = good ? (int64_t)us : -1;
    }
}

static llm_status status_of(const struct llm_exchange *x, CURLcode result) {
    if (x->status != LLM_OK) {
        return x->status;
    }
    switch (result) {
    case CURLE_OK: return x->head_given ? LLM_OK : LLM_E_TRANSPORT;
    case CURLE_OUT_OF_MEMORY: return LLM_E_NOMEM;
    case CURLE_OPERATION_TIMEDOUT: return LLM_E_TIMEOUT;
    default: return LLM_E_TRANSPORT;
    }
}

static bool is_untrusted(CURLcode result) {
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
           result == CURLE_SSL_ISSUER_ERROR || result == CURLE_SSL_CERTPROBLEM ||
           result == CURLE_SSL_CRL_BADFILE || result == CURLE_SSL_INVALIDCERTSTATUS;
}

static void finish(struct llm_exchange *x, CURLcode result) {
    const struct llm_http_call call = x->call;
    const llm_status status = status_of(x, result);
    char message[CURL_ERROR_SIZE];
    message[0] = '\0';
    const struct llm_http_end end = {
        .message = message, .sent = llm_exchange_sent(x), .untrusted = is_untrusted(result)};
    if (status != LLM_OK) {
        (void)snprintf(message, sizeof message, "%s",
                       status == LLM_E_DENIED && call.public_only ? "the host's address is not a public one"
                       : x->reason != NULL                        ? x->reason
                       : x->error[0] != '\0'                      ? x->error
                                                                  : curl_easy_strerror(result));
    }
    const bool stopped = x->stopped;
    retire(x);
    if (!stopped) {
        call.on_end(call.ctx, status, &end);
    }
}

// ---- the whole ------------------------------------------------------------------------------------------------

// The system's hashed directory when there is one: nothing is parsed but what a handshake asks for.
static llm_status choose_trust(struct llm_http *http, const struct llm_http_options *options) {
    http->ca_file.max = http->ca_path.max = http->proxy.max = LLM_MAX_URL_BYTES;
    struct stat st;
    if (options->ca_file.ptr != NULL) {
        const llm_status status = llm_buf_put(&http->ca_file, options->ca_file.ptr, options->ca_file.len);
        if (status == LLM_OK && stat(http->ca_file.ptr, &st) == 0 && S_ISDIR(st.st_mode)) {
            http->ca_path = http->ca_file;
            http->ca_file = (struct llm_buf){0};
        }
        return status;
    }
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (info->capath != NULL && stat(info->capath, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink > 0) {
        char probe[4096]; // hashed: c_rehash makes names like 1234abcd.0; one well-known link tells
        const int n = snprintf(probe, sizeof probe, "%s/ca-certificates.crt", info->capath);
        if (n > 0 && (size_t)n < sizeof probe && access(probe, R_OK) == 0) {
            return llm_buf_puts(&http->ca_path, info->capath);
        }
    }
    return info->cainfo != NULL ? llm_buf_puts(&http->ca_file, info->cainfo) : LLM_OK;
}

llm_status llm_http_new(struct llm_reactor *reactor, const struct llm_http_options *options,
                        struct llm_http **ret, llm_error *err) {
    (void)pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK) {
        return llm_fail(err, LLM_E_INTERNAL, "libcurl does not start: %s", curl_easy_strerror(global_result));
    }
    struct llm_http *http = llm_mem_new(sizeof *http);
    if (http == NULL) {
        return LLM_E_NOMEM;
    }
    http->reactor = reactor;
    http->timer.fire = on_timer;
    http->multi = curl_multi_init();
    llm_status status = http->multi != NULL ? choose_trust(http, options) : LLM_E_NOMEM;
    if (status == LLM_OK && options->proxy.ptr != NULL) {
        http->environment_proxy = llm_str_is(options->proxy, "environment");
        status = http->environment_proxy ? LLM_OK
                                         : llm_buf_put(&http->proxy, options->proxy.ptr, options->proxy.len);
    }
    if (status != LLM_OK) {
        llm_http_free(http);
        return status;
    }
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1024L);
    *ret = http;
    return LLM_OK;
}

void llm_http_free(struct llm_http *http) {
    if (http == NULL) {
        return;
    }
    while (http->active != NULL) {
        retire(http->active);
    }
    keep_idle(http, 0);
    curl_multi_cleanup(http->multi);
    llm_timer_clear(http->reactor, &http->timer);
    llm_buf_done(&http->ca_file);
    llm_buf_done(&http->ca_path);
    llm_buf_done(&http->proxy);
    llm_mem_free(http);
}
