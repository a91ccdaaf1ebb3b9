// SPDX-License-Identifier: MIT
// Two loops on two processors beside one on one: calls a second.  Each loop shares its processor with the simulator that it asks (a process of
// its own), so that both have the same to do.  And idle streams on one loop: memory of each, beside what bare libcurl holds for the same.
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "llm_master.h"
#include "sim.h"

#define ROUNDS 5
#define SECONDS 0.6
#define AT_ONCE 16
#define STREAMS_MAX 10000

static const char *const models[] = {"gpt-4o-mini", "groq/llama-3.1-8b-instant"};
static llm_master *master;

static double now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static pid_t start_sim(int cpu, const char *rules, char url[300]) {
    struct llm_sim *sim;
    llm_error err = LLM_ERROR_INIT;
    if (llm_sim_new(&(struct llm_sim_options){.rules = rules}, &sim, &err) != LLM_OK) {
        fprintf(stderr, "bench: simulator: %s\n", err.message);
        exit(2);
    }
    (void)snprintf(url, 300, "%s", llm_sim_url(sim));
    const pid_t pid = fork();
    if (pid == 0) {
        pin(cpu);
        (void)llm_sim_run(sim);
        _exit(0);
    }
    llm_sim_free(sim);
    return pid;
}

static void stop_sim(pid_t pid) {
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
}

static llm_master *make(const char *first, const char *second) {
    char settings[1024];
    llm_error err = LLM_ERROR_INIT;
    llm_master *made;
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    (void)snprintf(settings, sizeof settings,
                   "{\"base_urls\":{\"openai\":\"%s/v1\",\"groq\":\"%s/"
                   "v1\"},\"keys\":{\"openai\":{\"value\":\"k\"},\"groq\":{"
                   "\"value\":\"k\"}}}",
                   first, second);
    options.flags = LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_ENVIRONMENT;
    options.settings = settings;
    if (llm_master_new(&options, &made, &err) != LLM_OK) {
        fprintf(stderr, "bench: %s\n", err.message);
        exit(2);
    }
    return made;
}

// ---- throughput ----------------------------------------------------------------------------------------------------------

struct lane {
    pthread_t thread;
    int cpu;
    llm_loop *loop;
    double until;
    size_t done, failed;
};

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event);

static void ask(struct lane *lane) {
    llm_call *call;
    static const char prompt[] = "Hello";
    const llm_query_args args = {LLM_QUERY_INIT, .model = models[lane->cpu], .prompt = prompt,
                                 .on_event = on_event, .ctx = lane};
    lane->failed += llm_call_start(lane->loop, &args, &call, NULL) == LLM_OK ? 0 : 1;
}

static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct lane *lane = ctx;
    if (event->type != LLM_EVENT_END) {
        return LLM_OK;
    }
    lane->done++;
    lane->failed += event->status == LLM_OK ? 0 : 1;
    llm_call_free(call);
    if (now_s() < lane->until) {
        ask(lane);
    }
    return LLM_OK;
}

static void *lane_main(void *arg) {
    struct lane *lane = arg;
    pin(lane->cpu);
    lane->until = now_s() + SECONDS;
    for (int i = 0; i < AT_ONCE; i++) {
        ask(lane);
    }
    while (llm_loop_run(lane->loop, 100) > 0) {
    }
    return NULL;
}

// Calls a second of so many lanes together.
static double run_lanes(struct lane *lanes, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        lanes[i].done = 0;
        (void)pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]);
    }
    for (int i = 0; i < n; i++) {
        (void)pthread_join(lanes[i].thread, NULL);
        sum += (double)lanes[i].done / SECONDS;
    }
    return sum;
}

static void two_loops(void) {
    char urls[2][300], beside[96];
    double one[ROUNDS], two[ROUNDS], ratio[ROUNDS];
    const pid_t sims[] = {start_sim(0, "[]", urls[0]), start_sim(1, "[]", urls[1])};
    struct lane lanes[2] = {{.cpu = 0}, {.cpu = 1}};
    master = make(urls[0], urls[1]);
    for (int i = 0; i < 2; i++) {
        if (llm_loop_new(master, NULL, &lanes[i].loop, NULL) != LLM_OK) {
            exit(2);
        }
    }
    (void)run_lanes(lanes, 2);
    for (int i = 0; i < ROUNDS; i++) {
        const double left = run_lanes(&lanes[0], 1), right = run_lanes(&lanes[1], 1);
        one[i] = (left + right) / 2; // the processors need not be alike
        two[i] = run_lanes(lanes, 2);
        ratio[i] = one[i] / two[i];
    }
    (void)snprintf(beside, sizeof beside, "one %.0f/s, two %.0f/s: %.2f times%s", bench_median(one, ROUNDS),
                   bench_median(two, ROUNDS), 1 / bench_median(ratio, ROUNDS),
                   lanes[0].failed + lanes[1].failed > 0 ? ", SOME FAILED" : "");
    bench_row("one loop's calls / two loops' calls", bench_median(ratio, ROUNDS), "", 1 / 1.8, beside);
    llm_loop_free(lanes[0].loop);
    llm_loop_free(lanes[1].loop);
    llm_master_free(master);
    stop_sim(sims[0]);
    stop_sim(sims[1]);
}

// ---- idle streams ----------------------------------------------------------------------------------------------------------

static double rss_kib(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, resident = 0;
    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static size_t begun;

static llm_status on_stream_event(void *ctx, llm_call *call, const llm_event *event) {
    (void)ctx;
    (void)call;
    begun += event->type == LLM_EVENT_TEXT ? 1 : 0;
    return LLM_OK;
}

// KiB for each of n streams of the core that have begun and say no more.
static double core_streams(const char *url, size_t n) {
    llm_loop *loop;
    llm_call *call;
    master = make(url, url);
    if (llm_loop_new(master, NULL, &loop, NULL) != LLM_OK) {
        return -1;
    }
    const llm_query_args args = {LLM_QUERY_INIT, .flags = LLM_QUERY_STREAM, .model = models[0],
                                 .prompt = "Hello", .on_event = on_stream_event};
    double before = 0;
    for (size_t i = 0; i <= n; i++) {
        llm_error err = LLM_ERROR_INIT;
        if (llm_call_start(loop, &args, &call, &err) != LLM_OK) {
            fprintf(stderr, "bench: stream %zu: %s\n", i, err.message);
            return -1;
        }
        while (i - begun >= 64 || i == 0 || i == n) { // the first one is not counted
            (void)llm_loop_run(loop, 100);
            if (begun == i + 1) {
                break;
            }
        }
        before = i == 0 ? rss_kib() : before;
    }
    return (rss_kib() - before) / (double)n;
}

static int epoll_fd;
static long timer_ms;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_data) {
    (void)easy;
    (void)ctx;
    (void)socket_data;
    struct epoll_event event = {.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                                          (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0),
                                .data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    } else if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
        (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx) {
    (void)multi;
    (void)ctx;
    timer_ms = ms;
    return 0;
}

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx) {
    bool *first = ctx;
    (void)p;
    begun += *first ? 0 : 1;
    *first = true;
    return size * n;
}

static void curl_turn(CURLM *multi) {
    struct epoll_event events[64];
    int running;
    const int n = epoll_wait(epoll_fd, events, 64, timer_ms >= 0 && timer_ms < 50 ? (int)timer_ms : 50);
    for (int i = 0; i < n; i++) {
        (void)curl_multi_socket_action(multi, events[i].data.fd, 0, &running);
    }
    if (n == 0) {
        (void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

static double curl_streams(const char *base, size_t n) {
    static bool firsts[STREAMS_MAX + 1];
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"model\":\"gpt-4o-"
                               "mini\",\"stream\":true}";
    char url[400];
    double before = 0;
    (void)snprintf(url, sizeof url, "%s/v1/chat/completions", base);
    epoll_fd = epoll_create1(0);
    CURLM *multi = curl_multi_init();
    struct curl_slist *fields = curl_slist_append(NULL, "content-type: application/json");
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    for (size_t i = 0; i <= n; i++) {
        CURL *easy = curl_easy_init();
        (void)curl_easy_setopt(easy, CURLOPT_URL, url);
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
        (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &firsts[i]);
        (void)curl_multi_add_handle(multi, easy);
        while (i - begun >= 64 || i == 0 || i == n) {
            curl_turn(multi);
            if (begun == i + 1) {
                break;
            }
        }
        before = i == 0 ? rss_kib() : before;
    }
    return (rss_kib() - before) / (double)n;
}

// In a process of its own, so that one leaves nothing behind for the other.
static double in_child(double (*measure)(const char *url, size_t n), const char *url, size_t n) {
    int ends[2];
    double result = -1;
    if (pipe(ends) != 0) {
        exit(2);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        result = measure(url, n);
        (void)!write(ends[1], &result, sizeof result);
        _exit(0);
    }
    (void)close(ends[1]);
    if (read(ends[0], &result, sizeof result) != (ssize_t)sizeof result) {
        result = -1;
    }
    (void)close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    return result;
}

static void idle_streams(void) {
    static const char rules[] = "[{\"reply\":{\"sse\":[{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                                "\"Hello\"}}]},{\"choices\":[]}],"
                                "\"fault\":{\"kind\":\"stall\",\"after\":61}}}]";
    char url[300], beside[96];
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    // One descriptor each, in us and in the simulator.
    const size_t n = files.rlim_cur < STREAMS_MAX + 100 ? (size_t)files.rlim_cur - 100 : STREAMS_MAX;
    const pid_t sim = start_sim(1, rules, url);
    const double bare = in_child(curl_streams, url, n), core = in_child(core_streams, url, n);
    (void)snprintf(beside, sizeof beside, "%zu on one loop: libcurl %.1f KiB, core %.1f KiB", n, bare, core);
    bench_row("idle stream: core - libcurl", bare > 0 && core > 0 ? core - bare : 1e9, "KiB", 16, beside);
    stop_sim(sim);
}

int main(int argc, char **argv) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    if (argc < 2 || strcmp(argv[1], "loops") == 0) {
        two_loops();
    }
    if (argc < 2 || strcmp(argv[1], "streams") == 0) {
        idle_streams();
    }
    return bench_missed > 0 ? 1 : 0;
}
