// SPDX-License-Identifier: MIT
// usage: soak [--seconds N] [--rate N] [--threads N] [--seed N] [--keep DIR] [--test]
//
// Calls at a steady rate from several threads against a simulator in a process of its own, of whose answers one in twenty is a fault; calls are
// tried again, fall back, are cancelled and freed at random, everything is read again every three seconds.  At the end the sums must agree.
// --test: 10 seconds, or 180 when LLM_TEST_LONG is set; then the slope of the memory is shown but not judged.
#include "soak.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"
#include "tap.h"
#include "temp_dir.h"

#define RELOAD_SECONDS 3
#define SLOPE_MAX_MIB_H 1.0

struct options {
    unsigned seconds, rate, threads, seed;
    const char *keep;
    bool test;
};

// ---- the provider -------------------------------------------------------------------------------------------------------

static const struct {
    const char *name, *reply;
    unsigned every;
    const char *only; // a condition
} faults[] = {
    {"cut", "\"sse\":[%s],\"fault\":{\"kind\":\"cut\",\"after\":200}", 113, "\"/stream\":true"},
    {"reset", "\"sse\":[%s],\"fault\":{\"kind\":\"reset\",\"after\":100}", 127, "\"/stream\":true"},
    {"429",
     "\"status\":429,\"headers\":{\"retry-after-ms\":\"40\"},\"body\":{\"error\":{\"message\":\"slow "
     "down\"}}",
     131, NULL},
    {"500", "\"status\":500,\"body\":{\"error\":{\"message\":\"oops\"}}", 137, NULL},
    {"503", "\"status\":503,\"body\":\"<html>busy</html>\"", 139, NULL},
    {"close", "\"fault\":{\"kind\":\"close\"}", 149, NULL},
    {"refuse", "\"fault\":{\"kind\":\"refuse\"}", 151, NULL},
    {"garbage", "\"raw\":\"HTTP/1.1 what\\r\\n\\r\\n\"", 157, NULL},
    {"truncated", "\"body\":\"{\\\"choices\\\":[\"", 163, "\"/stream\":false"},
    {"400", "\"status\":400,\"body\":{\"error\":{\"message\":\"no\"}}", 199, NULL},
};

static const struct {
    unsigned every;
    int input, output, cached;
} usages[] = {{3, 11, 7, 3}, {5, 1234, 567, 1000}, {7, 100001, 1, 0}, {1, 9, 4, 2}};

static void put_events(FILE *out, int usage) {
    for (int i = 0; i < 5; i++) {
        (void)fprintf(out, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word%d \"}}]},", i);
    }
    (void)fprintf(out, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    if (usage >= 0) {
        (void)fprintf(out,
                      ",{\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,"
                      "\"prompt_tokens_details\":{\"cached_tokens\":%d}}},\"[DONE]\"",
                      usages[usage].input, usages[usage].output, usages[usage].cached);
    }
}

static void put_good(FILE *out, unsigned price, int usage, bool stream) {
    (void)fprintf(
        out, ",{\"name\":\"good\",\"match\":{\"path\":\"/%s/*\",\"every\":%u,\"body\":{\"/stream\":%s}},",
        soak_prices[price].provider, usages[usage].every, stream ? "true" : "false");
    (void)fprintf(out, "\"note\":{\"price\":%u,\"input\":%d,\"output\":%d,\"cached\":%d},\"reply\":{", price,
                  usages[usage].input, usages[usage].output, usages[usage].cached);
    if (stream) {
        (void)fprintf(out, "\"delay_ms\":2,\"sse\":[");
        put_events(out, usage);
        (void)fprintf(out, "]}}");
        return;
    }
    (void)fprintf(
        out,
        "\"head_delay_ms\":8,\"body\":{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":"
        "\"word\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,"
        "\"prompt_tokens_details\":{\"cached_tokens\":%d}}}}}",
        usages[usage].input, usages[usage].output, usages[usage].cached);
}

static char *rules(void) {
    char *text = NULL, *events = NULL;
    size_t size = 0, events_size = 0;
    FILE *one = open_memstream(&events, &events_size);
    put_events(one, -1);
    (void)fclose(one);
    FILE *out = open_memstream(&text, &size);
    (void)fprintf(out, "{\"demo\":false,\"rules\":[{\"match\":{\"every\":97},\"reply\":{\"head_delay_ms\":"
                       "200,\"status\":503}}");
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)fprintf(out, ",{\"name\":\"%s\",\"match\":{\"every\":%u", faults[i].name, faults[i].every);
        if (faults[i].only != NULL) {
            (void)fprintf(out, ",\"body\":{%s}", faults[i].only);
        }
        (void)fprintf(out, "},\"reply\":{");
        const char *events_at = strstr(faults[i].reply, "%s");
        if (events_at != NULL) {
            (void)fprintf(out, "%.*s%s%s", (int)(events_at - faults[i].reply), faults[i].reply, events,
                          events_at + 2);
        } else {
            (void)fputs(faults[i].reply, out);
        }
        (void)fprintf(out, "}}");
    }
    for (unsigned price = 0; price < 2; price++) {
        for (int usage = 0; usage < 4; usage++) {
            put_good(out, price, usage, true);
            put_good(out, price, usage, false);
        }
    }
    (void)fprintf(out, "]}");
    (void)fclose(out);
    free(events);
    return text;
}

static pid_t start_sim(const char *answers, char url[300]) {
    llm_error err = LLM_ERROR_INIT;
    struct llm_sim *sim;
    char *text = rules();
    const struct llm_sim_options options = {.rules = text, .answers_file = answers, .answers_key = "/user"};
    if (llm_sim_new(&options, &sim, &err) != LLM_OK) {
        fprintf(stderr, "soak: simulator: %s\n", err.message);
        exit(2);
    }
    free(text);
    (void)snprintf(url, 300, "%s", llm_sim_url(sim));
    const pid_t pid = fork();
    if (pid == 0) {
        (void)llm_sim_run(sim);
        _exit(0);
    }
    llm_sim_free(sim); // the child has its own
    return pid;
}

// ---- the master ----------------------------------------------------------------------------------------------------------

static void write_providers(const char *dir, const char *url) {
    char path[600];
    (void)snprintf(path, sizeof path, "%s/plugins", dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/plugins/providers.d", dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/plugins/providers.d/soak.json", dir);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        exit(2);
    }
    (void)fprintf(
        out,
        "[{\"name\":\"alpha\",\"base_url\":\"%s/"
        "alpha\",\"auth\":{\"scheme\":\"none\"},\"models\":[{\"id\":\"alpha-1\","
        "\"input_per_mtok\":\"0.15\",\"output_per_mtok\":\"0.60\",\"cache_read_per_mtok\":\"0.075\"}]},"
        "{\"name\":\"beta\",\"base_url\":\"%s/"
        "beta\",\"auth\":{\"scheme\":\"none\"},\"models\":[{\"id\":\"beta-1\","
        "\"input_per_mtok\":\"0.05\",\"output_per_mtok\":\"0.08\"}]}]",
        url, url);
    (void)fclose(out);
}

static llm_master *make_master(const char *dir) {
    char plugins[600], settings[1024];
    const char *dirs[] = {plugins, NULL};
    llm_error err = LLM_ERROR_INIT;
    llm_master *master;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    (void)snprintf(plugins, sizeof plugins, "%s/plugins", dir);
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG;
    options.plugin_dirs = dirs;
    // Limits that are counted, and never reached.
    (void)snprintf(
        settings, sizeof settings,
        "{\"ledger\":{\"path\":\"%s/ledger.db\"},\"limits\":[{\"requests_per_minute\":1000000},"
        "{\"provider\":\"alpha\",\"tokens_per_minute\":1000000000000},{\"tag\":\"*\",\"each\":true,"
        "\"concurrency\":1000},{\"usd\":1000000,\"window\":\"day\",\"unpriced\":\"allow\"}]}",
        dir);
    options.settings = settings;
    if (llm_master_new(&options, &master, &err) != LLM_OK) {
        fprintf(stderr, "soak: %s\n", err.message);
        exit(2);
    }
    return master;
}

// ---- watching ------------------------------------------------------------------------------------------------------------

static size_t entries(const char *dir) {
    DIR *open = opendir(dir);
    size_t n = 0;
    while (open != NULL && readdir(open) != NULL) {
        n++;
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    return n;
}

// What the process itself holds, in MiB.  Not pages of files (the libraries' code, the catalogue), which come and go as the system likes, nor what
// is free and the allocator keeps: on a busy machine that grows with each moment in which more calls than ever are under way.
static double own_mib(void) {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
    FILE *file = fopen("/proc/self/status", "r");
    unsigned long kib = 0;
    char line[128];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "RssAnon: %lu", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return (double)kib / 1024.0;
}

// What the heap has given out, in MiB: memory that grows while this stays is the allocator's, not lost.
static double heap_mib(void) {
#ifdef __GLIBC__
    const struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1048576.0;
#else
    return 0;
#endif
}

// Least squares over (seconds, MiB).
struct slope {
    double n, x, y, xx, xy;
};

static void slope_add(struct slope *s, double x, double y) {
    s->n += 1;
    s->x += x;
    s->y += y;
    s->xx += x * x;
    s->xy += x * y;
}

static double slope_mib_h(const struct slope *s) {
    const double d = s->n * s->xx - s->x * s->x;
    return s->n < 3 || d <= 0 ? 0 : (s->n * s->xy - s->x * s->y) / d * 3600;
}

static void show(unsigned second, const struct soak_load *load, const struct slope *slope, unsigned reloads) {
    printf("# %5u s  %8llu calls  %8llu ok  %6llu failed  %6llu cancelled  %6llu freed  %4u reloads  %7.2f "
           "MiB (heap %.2f) "
           " %+.2f MiB/h\n",
           second, (unsigned long long)atomic_load(&load->started),
           (unsigned long long)atomic_load(&load->good), (unsigned long long)atomic_load(&load->failed),
           (unsigned long long)atomic_load(&load->cancelled), (unsigned long long)atomic_load(&load->freed),
           reloads, own_mib(), heap_mib(), slope_mib_h(slope));
    (void)fflush(stdout);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

// Gives the slope after the first quarter (at most ten minutes).
static double watch(const struct options *o, struct soak_load *load, unsigned *ret_failed_reloads,
                    unsigned *ret_reloads) {
    struct slope slope = {0};
    const unsigned warm = o->seconds / 4 < 600 ? o->seconds / 4 : 600;
    const unsigned step = o->seconds <= 30 ? 5 : o->seconds <= 300 ? 20 : 60;
    for (unsigned second = 1; second <= o->seconds && interrupted == 0; second++) {
        const struct timespec nap = {.tv_sec = 1};
        (void)nanosleep(&nap, NULL);
        if (second % RELOAD_SECONDS == 0) {
            *ret_failed_reloads += llm_master_reload(load->master, NULL) == LLM_OK ? 0 : 1;
            ++*ret_reloads;
        }
        if (second > warm && (o->seconds <= 300 || second % 10 == 0)) {
            slope_add(&slope, second, own_mib());
        }
        if (second % step == 0) {
            show(second, load, &slope, *ret_reloads);
        }
    }
    return slope_mib_h(&slope);
}

// ---- the verdict -----------------------------------------------------------------------------------------------------------

static void judge(struct tap *tap, const struct soak_load *load, const struct soak_sums *s) {
    const unsigned long long started = atomic_load(&load->started);
    const unsigned long long over = atomic_load(&load->ended) + atomic_load(&load->freed);
    tap_result(tap, started > 0 && atomic_load(&load->good) * 10 > started * 8,
               "more than eight in ten went well", "%llu of %llu",
               (unsigned long long)atomic_load(&load->good), started);
    tap_result(tap, atomic_load(&load->refused) == 0, "every call began", "%llu did not: %s",
               (unsigned long long)atomic_load(&load->refused), load->refusal);
    tap_result(tap, over == started && atomic_load(&load->bad_ends) == 0, "every call ended exactly once",
               "%llu of %llu, %llu wrongly", over, started, (unsigned long long)atomic_load(&load->bad_ends));
    tap_result(tap, s->records == started && s->keys_twice == 0, "one record for each call",
               "%llu of %llu, %llu twice", (unsigned long long)s->records, started,
               (unsigned long long)s->keys_twice);
    tap_result(tap, s->good_without_answer == 0 && s->good_twice == 0,
               "each good call had one complete answer", "%llu had none, %llu had more",
               (unsigned long long)s->good_without_answer, (unsigned long long)s->good_twice);
    tap_result(tap, s->wrong_cost == 0 && s->cost_here == s->cost_there, "the sum of cost is the simulator's",
               "%llu differ: %lld here, %lld there", (unsigned long long)s->wrong_cost,
               (long long)s->cost_here, (long long)s->cost_there);
    printf("# cost: %lld pico-USD here, %lld there; %llu answers, %llu of them complete with a usage\n",
           (long long)s->cost_here, (long long)s->cost_there, (unsigned long long)s->answers,
           (unsigned long long)s->answers_complete);
}

// "0.77732161" in units of 10^-12.
static int64_t pico(const char *text) {
    int64_t value = 0;
    int decimals = -1;
    for (; *text != '\0'; text++) {
        if (*text == '.') {
            decimals = 0;
        } else if (decimals < 12) {
            value = value * 10 + (*text - '0');
            decimals += decimals >= 0 ? 1 : 0;
        }
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 12; decimals++) {
        value *= 10;
    }
    return value;
}

struct soak_ledger {
    bool read, intact;
    int64_t calls, cost;
    char why[512];
};

static void read_ledger(llm_master *master, struct soak_ledger *ret) {
    llm_error err = LLM_ERROR_INIT;
    char *text = NULL;
    if (llm_master_flush(master, 30000, &err) == LLM_OK &&
        llm_master_usage(master, NULL, &text, NULL, &err) == LLM_OK) {
        cJSON *json = cJSON_Parse(text);
        const cJSON *total = cJSON_GetObjectItemCaseSensitive(json, "total");
        const cJSON *cost = cJSON_GetObjectItemCaseSensitive(total, "cost_usd");
        const cJSON *calls = cJSON_GetObjectItemCaseSensitive(total, "calls");
        ret->calls = calls != NULL ? (int64_t)calls->valuedouble : -1;
        ret->cost = cJSON_IsString(cost) ? pico(cost->valuestring) : -1;
        ret->read = total != NULL;
        cJSON_Delete(json);
        llm_free(text);
        text = NULL;
    }
    const llm_usage_args check = {.size = sizeof check, .what = "check"};
    if (llm_master_usage(master, &check, &text, NULL, &err) == LLM_OK) {
        ret->intact = strstr(text, "\"problems\":[]") != NULL;
        (void)snprintf(ret->why, sizeof ret->why, "%s", text);
        llm_free(text);
    }
    if (err.status != LLM_OK) {
        (void)snprintf(ret->why, sizeof ret->why, "%.500s", err.message);
    }
}

static void judge_ledger(struct tap *tap, const struct soak_load *load, const struct soak_sums *s,
                         const struct soak_ledger *ledger) {
    const long long started = (long long)atomic_load(&load->started);
    tap_result(tap, ledger->read && ledger->intact, "the ledger is intact", "%s", ledger->why);
    tap_result(tap, ledger->calls == started, "one row of the ledger for each call", "%lld rows, %lld calls",
               (long long)ledger->calls, started);
    tap_result(tap, ledger->cost == s->cost_there, "the ledger's cost is the simulator's",
               "%lld there, %lld here", (long long)s->cost_there, (long long)ledger->cost);
}

static void *no_thread(void *arg) {
    return arg;
}

static int soak(const struct options *o, const char *dir) {
    struct tap tap = {0};
    struct soak_load load = {.rate = o->rate, .threads = o->threads, .seed = o->seed};
    struct soak_sums sums = {0};
    char answers[600], url[300];
    unsigned reloads = 0, failed_reloads = 0;
    (void)snprintf(load.dir, sizeof load.dir, "%s", dir);
    (void)snprintf(answers, sizeof answers, "%s/answers.jsonl", dir);
    const pid_t sim = start_sim(answers, url);
    write_providers(dir, url);
    pthread_t first; // some tools have a thread of their own from the first one on
    if (pthread_create(&first, NULL, no_thread, NULL) == 0) {
        (void)pthread_join(first, NULL);
    }
    const size_t fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    load.master = make_master(dir);
    atomic_store(&load.next_key, 1);
    if (!soak_load_start(&load)) {
        (void)kill(sim, SIGTERM);
        return 2;
    }
    const double slope = watch(o, &load, &failed_reloads, &reloads);
    atomic_store(&load.stop, true);
    soak_load_join(&load);
    struct soak_ledger ledger = {0};
    read_ledger(load.master, &ledger);
    llm_master_free(load.master);
    for (int i = 0; i < 100 && entries("/proc/self/task") > threads; i++) {
        const struct timespec nap = {.tv_nsec = 20000000};
        (void)nanosleep(&nap, NULL);
    }
    const size_t fds_left = entries("/proc/self/fd"), threads_left = entries("/proc/self/task");
    (void)kill(sim, SIGTERM);
    (void)waitpid(sim, NULL, 0);
    const bool read = soak_oracle(dir, o->threads, answers, atomic_load(&load.next_key), &sums);
    tap_result(&tap, read, "the records can be read", "%s", dir);
    judge(&tap, &load, &sums);
    judge_ledger(&tap, &load, &sums, &ledger);
    tap_result(&tap, failed_reloads == 0 && reloads > 0, "every reload went well", "%u of %u failed",
               failed_reloads, reloads);
    tap_result(&tap, fds_left == fds && threads_left == threads, "descriptors and threads are back",
               "%zu to %zu descriptors, %zu to %zu threads", fds, fds_left, threads, threads_left);
    if (o->test || o->seconds < 1200) {
        printf("# memory: %+.2f MiB an hour (too short a run to judge; %.1f is the limit)\n", slope,
               SLOPE_MAX_MIB_H);
    } else {
        tap_result(&tap, slope <= SLOPE_MAX_MIB_H, "memory stays", "%+.2f MiB an hour, %.1f is the limit",
                   slope, SLOPE_MAX_MIB_H);
        printf("# memory: %+.2f MiB an hour\n", slope);
    }
    return tap_done(&tap);
}

static bool take_number(const char *text, unsigned *ret) {
    *ret = 0;
    for (; text != NULL && *text >= '0' && *text <= '9' && *ret < 100000000; text++) {
        *ret = *ret * 10 + (unsigned)(*text - '0');
    }
    return text != NULL && *text == '\0' && *ret > 0;
}

int main(int argc, char **argv) {
    struct options o = {.seconds = 60, .rate = 200, .threads = 4, .seed = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool fine = true;
        if (strcmp(argv[i], "--test") == 0) {
            o.test = true;
            o.seconds = getenv("LLM_TEST_LONG") != NULL ? 180 : 10;
            continue;
        }
        if (strcmp(argv[i], "--keep") == 0) {
            o.keep = value;
            fine = value != NULL;
        } else {
            unsigned *target = strcmp(argv[i], "--seconds") == 0   ? &o.seconds
                               : strcmp(argv[i], "--rate") == 0    ? &o.rate
                               : strcmp(argv[i], "--threads") == 0 ? &o.threads
                               : strcmp(argv[i], "--seed") == 0    ? &o.seed
                                                                   : NULL;
            fine = target != NULL && take_number(value, target);
        }
        if (!fine || o.threads > SOAK_THREADS_MAX) {
            fprintf(stderr,
                    "usage: soak [--seconds N] [--rate N] [--threads N] [--seed N] [--keep DIR] [--test]\n");
            return 2;
        }
        i++;
    }
    (void)signal(SIGINT, on_interrupt);
    char dir[512];
    if (o.keep != NULL) {
        (void)snprintf(dir, sizeof dir, "%s", o.keep);
        (void)mkdir(dir, 0700);
        return soak(&o, dir);
    }
    struct temp_dir temp;
    temp_dir_new(&temp);
    const int status = soak(&o, temp.path);
    temp_dir_free(&temp);
    return status;
}
