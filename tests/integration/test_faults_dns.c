// SPDX-License-Identifier: MIT
// Name servers that lie, hang, or know nothing (rows 28 and 42): getaddrinfo() is this program's own.  And
// a listener that never accepts (row 31).
#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "llm_master.h"
#include "sim.h"

// ---- the name server --------------------------------------------------------------------------------------------------

static atomic_bool let_go; // ends the hanging
static atomic_int asked;

static const struct {
    const char *name, *address;
} known[] = {
    {"rebind.example", "127.0.0.1"},
    {"ten.example", "10.0.0.1"},
    {"home.example", "192.168.1.1"},
    {"meta.example", "169.254.169.254"},
    {"shared.example", "100.64.0.1"},
    {"zero.example", "0.0.0.0"},
    {"six.example", "::1"},
    {"local.example", "fd00::1"},
    {"link.example", "fe80::1"},
    {"mapped.example", "::ffff:127.0.0.1"},
    {"nat64.example", "64:ff9b::7f00:1"},
    {"sixtofour.example", "2002:7f00:1::1"},
};

static int give(const char *address, const char *service, struct addrinfo **ret) {
    struct {
        struct addrinfo info;
        struct sockaddr_storage at;
    } *both = calloc(1, sizeof *both);
    if (both == NULL) {
        return EAI_MEMORY;
    }
    uint16_t port = 0;
    for (const char *digit = service; digit != NULL && *digit != '\0'; digit++) {
        port = (uint16_t)(port * 10 + (*digit - '0'));
    }
    port = htons(port);
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = port};
    both->info.ai_socktype = SOCK_STREAM;
    both->info.ai_protocol = IPPROTO_TCP;
    both->info.ai_addr = (struct sockaddr *)&both->at;
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
        both->info.ai_family = AF_INET;
        both->info.ai_addrlen = sizeof four;
        memcpy(&both->at, &four, sizeof four);
    } else {
        (void)inet_pton(AF_INET6, address, &six.sin6_addr);
        both->info.ai_family = AF_INET6;
        both->info.ai_addrlen = sizeof six;
        memcpy(&both->at, &six, sizeof six);
    }
    *ret = &both->info;
    return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
    (void)hints;
    atomic_fetch_add(&asked, 1);
    if (strcmp(name, "hang.example") == 0) {
        const struct timespec nap = {.tv_nsec = 20000000};
        for (int i = 0; i < 1500 && !atomic_load(&let_go); i++) {
            (void)nanosleep(&nap, NULL);
        }
        return EAI_AGAIN;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return give(known[i].address, service, ret);
        }
    }
    return strchr("0123456789", name[0]) != NULL ? give(name, service, ret) : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info) {
    free(info);
}

// ---- a master that asks it ---------------------------------------------------------------------------------------------

static struct llm_sim *sim;
static llm_master *master;

static void begin(const char *base_url) {
    char settings[1024];
    llm_error err = LLM_ERROR_INIT;
    atomic_store(&let_go, false);
    ck_assert_int_eq(llm_sim_new(&(struct llm_sim_options){0}, &sim, &err), LLM_OK);
    ck_assert_int_eq(llm_sim_start(sim), LLM_OK);
    (void)snprintf(
        settings, sizeof settings,
        "{\"base_urls\":{\"openai\":\"%s\",\"groq\":\"%s/v1\"},\"keys\":{\"openai\":{\"value\":\"k\"},"
        "\"groq\":{\"value\":\"k\"}}}",
        base_url, llm_sim_url(sim));
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.settings = settings;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void finish(void) {
    atomic_store(&let_go, true);
    llm_master_free(master);
    llm_sim_free(sim);
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

START_TEST(a_public_name_with_another_address_is_refused) {
    llm_error err = LLM_ERROR_INIT;
    uint8_t *data = NULL;
    size_t len;
    char url[128];
    begin("https://nowhere.example/v1");
    (void)snprintf(url, sizeof url, "https://%s:%u/x", known[_i].name, llm_sim_port(sim));
    const llm_status status = llm_fetch(master, NULL, url, 100, &data, &len, &err);
    ck_assert_msg(status == LLM_E_DENIED, "%s: %s: %s", url, llm_status_name(status), err.message);
    ck_assert_int_gt(atomic_load(&asked), 0);
    ck_assert_uint_eq(llm_sim_connections(sim), 0);
    finish();
}
END_TEST

START_TEST(a_name_that_nobody_knows) {
    llm_error err = LLM_ERROR_INIT;
    const llm_query_args args = {LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi", .max_attempts = 1};
    begin("https://nowhere.example/v1");
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_TRANSPORT);
    ck_assert_msg(strstr(err.message, "nowhere.example") != NULL, "%s", err.message);
    finish();
}
END_TEST

struct ends {
    size_t count;
    llm_status status;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct ends *ends = ctx;
    (void)call;
    if (event->type == LLM_EVENT_END) {
        ends->count++;
        ends->status = event->status;
    }
    return LLM_OK;
}

// While one name is looked up without an end, the other calls of the loop go on; and the one ends when its time is over.
START_TEST(a_name_server_that_hangs) {
    llm_loop *loop;
    llm_call *stuck, *other;
    struct ends stuck_ends = {0};
    begin("https://hang.example/v1");
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    const llm_query_args args = {
        LLM_QUERY_INIT,    .model = "gpt-4o-mini", .prompt = "hi",    .connect_timeout_ms = 600,
        .max_attempts = 1, .on_event = on_event,   .ctx = &stuck_ends};
    const int64_t before = now_ms();
    ck_assert_int_eq(llm_call_start(loop, &args, &stuck, NULL), LLM_OK);
    (void)llm_loop_run(loop, 0);
    for (int i = 0; i < 20; i++) {
        struct ends ends = {0};
        const llm_query_args easy = {LLM_QUERY_INIT, .model = "groq/llama-3.1-8b-instant", .prompt = "hi",
                                     .on_event = on_event, .ctx = &ends};
        ck_assert_int_eq(llm_call_start(loop, &easy, &other, NULL), LLM_OK);
        while (ends.count == 0 && now_ms() - before < 20000) {
            (void)llm_loop_run(loop, 100);
        }
        ck_assert_uint_eq(ends.count, 1);
        ck_assert_int_eq(ends.status, LLM_OK);
        llm_call_free(other);
    }
    ck_assert_uint_eq(stuck_ends.count, 0);
    while (stuck_ends.count == 0 && now_ms() - before < 20000) {
        (void)llm_loop_run(loop, 100);
    }
    ck_assert_int_eq(stuck_ends.status, LLM_E_TIMEOUT);
    ck_assert_int_lt(now_ms() - before, 10000); // the name server hangs for 30 s
    llm_call_free(stuck);
    llm_loop_free(loop);
    finish();
}
END_TEST

// Cancelled, freed, dropped with its loop, with the name still being looked up.
START_TEST(a_look_up_can_be_given_up) {
    const int64_t before = now_ms();
    begin("https://hang.example/v1");
    for (int how = 0; how < 3; how++) {
        llm_loop *loop;
        llm_call *call;
        struct ends ends = {0};
        const llm_query_args args = {LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi",
                                     .on_event = on_event, .ctx = &ends};
        ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
        ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
        for (int i = 0; i < 5; i++) {
            (void)llm_loop_run(loop, 10);
        }
        if (how == 0) {
            llm_call_cancel(call);
            while (ends.count == 0) {
                (void)llm_loop_run(loop, 100);
            }
            ck_assert_int_eq(ends.status, LLM_E_CANCELLED);
        }
        if (how < 2) {
            llm_call_free(call);
        }
        llm_loop_free(loop);
        ck_assert_uint_eq(ends.count, how == 1 ? 0 : 1);
    }
    ck_assert_int_lt(now_ms() - before, 10000);
    finish();
}
END_TEST

// A listener whose queue is full and that never accepts: the kernel answers no more.
START_TEST(a_listener_that_never_accepts) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int waiting[8];
    char url[64];
    llm_error err = LLM_ERROR_INIT;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, size), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(waiting[i], (struct sockaddr *)&at, size);
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1", ntohs(at.sin_port));
    begin(url);
    const llm_query_args args = {LLM_QUERY_INIT, .model = "gpt-4o-mini", .prompt = "hi",
                                 .connect_timeout_ms = 300, .max_attempts = 1};
    const int64_t before = now_ms();
    ck_assert_int_eq(llm_query(master, &args, NULL, &err), LLM_E_TIMEOUT);
    ck_assert_int_ge(now_ms() - before, 290);
    ck_assert_int_lt(now_ms() - before, 10000);
    finish();
    for (int i = 0; i < 8; i++) {
        (void)close(waiting[i]);
    }
    (void)close(listener);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("faults_dns");
    TCase *tcase = tcase_create("dns");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_public_name_with_another_address_is_refused, 0, CHECK_ROWS(known));
    tcase_add_test(tcase, a_name_that_nobody_knows);
    tcase_add_test(tcase, a_name_server_that_hangs);
    tcase_add_test(tcase, a_look_up_can_be_given_up);
    tcase_add_test(tcase, a_listener_that_never_accepts);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
