// SPDX-License-Identifier: MIT
// Reloads, asked for and by themselves: what is dropped in works, what is half written is not taken, calls under way end on what they began with,
// and nothing stays behind.
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "llm_master.h"
#include "temp_dir.h"

// ---- the kernel's bounds, at will -------------------------------------------------------------------------------------

static int watches_fail; // errno

int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask) {
    if (watches_fail != 0) {
        errno = watches_fail;
        return -1;
    }
    return __real_inotify_add_watch(fd, path, mask);
}

// ---- a world in a directory ------------------------------------------------------------------------------------------

static struct temp_dir dir;
static llm_master *master;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[16384];

static void on_log(void *ctx, int32_t level, const char *line, size_t len) {
    (void)ctx;
    if (level >= LLM_LOG_WARN) {
        (void)pthread_mutex_lock(&log_lock);
        const size_t used = strlen(log_text);
        (void)snprintf(log_text + used, sizeof log_text - used, "%.*s\n", (int)len, line);
        (void)pthread_mutex_unlock(&log_lock);
    }
}

// How often does it stand in the log?
static size_t logged(const char *part) {
    size_t n = 0;
    (void)pthread_mutex_lock(&log_lock);
    for (const char *at = log_text; (at = strstr(at, part)) != NULL; at++) {
        n++;
    }
    (void)pthread_mutex_unlock(&log_lock);
    return n;
}

static llm_status exchange(void *ctx, const llm_outgoing *request, const llm_reply *reply) {
    (void)ctx;
    (void)request;
    const llm_status status = reply->head(reply->ctx, 200, NULL, 0);
    return status == LLM_OK && reply->data(reply->ctx, "Hello", 5) < 0 ? LLM_E_TRANSPORT : LLM_OK;
}

static const llm_transport transport = {.size = sizeof transport, .exchange = exchange};

static const char *built(const char *file) {
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("LLM_TEST_BUILD"), file);
    return path;
}

static void begin(const char *config) {
    static const char *dirs[2];
    llm_error err = LLM_ERROR_INIT;
    dirs[0] = temp_dir_file(&dir, "plugins");
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_DEFAULT_DIRS;
    options.flags |= config == NULL ? LLM_MASTER_NO_CONFIG : 0u;
    options.config_file = config;
    options.plugin_dirs = dirs;
    options.transport = &transport;
    options.log = on_log;
    ck_assert_msg(llm_master_new(&options, &master, &err) == LLM_OK, "%s", err.message);
}

static void setup(void) {
    temp_dir_new(&dir);
    temp_dir_make(&dir, "plugins", 0700);
    log_text[0] = '\0';
    watches_fail = 0;
}

static void teardown(void) {
    llm_master_free(master);
    master = NULL;
    temp_dir_free(&dir);
}

static void watch(void) {
    llm_error err = LLM_ERROR_INIT;
    ck_assert_msg(llm_master_watch(master, &err) == LLM_OK, "%s", err.message);
}

static llm_status ask(const char *model) {
    const llm_query_args args = {LLM_QUERY_INIT, .model = model, .prompt = "hi"};
    return llm_query(master, &args, NULL, NULL);
}

static void nap(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

// Asks until that is the answer, or for ten seconds.
static bool soon(const char *model, llm_status want) {
    for (int i = 0; i < 500; i++) {
        if (ask(model) == want) {
            return true;
        }
        nap(20);
    }
    return false;
}

static void drop_in(const char *name) {
    temp_dir_copy(&dir, built("tests/plugins/echo.so"), name);
}

static void provider(const char *file, const char *name, const char *prefix) {
    char text[512], temporary[256];
    const int n = snprintf(
        text, sizeof text,
        "{\"name\":\"%s\",\"base_url\":\"http://127.0.0.1:9\",\"plugin\":\"echo\",\"auth\":{\"scheme\":"
        "\"none\"},\"prefixes\":[\"%s\"]}",
        name, prefix);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", file);
    temp_dir_write(&dir, temporary, text, (size_t)n, 0600);
    ck_assert_int_eq(rename(temp_dir_file(&dir, temporary), temp_dir_file(&dir, file)), 0);
}

// ---- by itself ---------------------------------------------------------------------------------------------------------

START_TEST(a_plugin_works_when_it_is_dropped_in) {
    begin(NULL);
    watch();
    watch(); // once is enough
    ck_assert_int_eq(ask("echo-1"), LLM_E_NOT_FOUND);
    drop_in("plugins/echo.so");
    ck_assert(soon("echo-1", LLM_OK));
    // Gone for new calls; one that began before ends on it.
    llm_loop *loop;
    llm_call *call;
    const llm_event *event = NULL;
    const llm_query_args args = {LLM_QUERY_INIT, .model = "echo-1", .prompt = "hi"};
    ck_assert_int_eq(llm_loop_new(master, NULL, &loop, NULL), LLM_OK);
    ck_assert_int_eq(llm_call_start(loop, &args, &call, NULL), LLM_OK);
    ck_assert_int_eq(unlink(temp_dir_file(&dir, "plugins/echo.so")), 0);
    ck_assert(soon("echo-1", LLM_E_NOT_FOUND));
    while (llm_call_next(call, -1, &event) == LLM_OK && event->type != LLM_EVENT_END) {
    }
    ck_assert_int_eq(event->status, LLM_OK);
    llm_call_free(call);
    llm_loop_free(loop);
    drop_in("plugins/echo.so"); // and back
    ck_assert(soon("echo-1", LLM_OK));
}
END_TEST

START_TEST(directories_may_come_later) {
    drop_in("plugins/echo.so");
    begin(NULL);
    watch();
    ck_assert_int_eq(ask("late-1"), LLM_E_NOT_FOUND);
    temp_dir_make(&dir, "plugins/providers.d", 0700);
    provider("plugins/providers.d/late.json", "late", "late-");
    ck_assert(soon("late-1", LLM_OK));
    // The whole directory goes and comes back under its name.
    ck_assert_int_eq(rename(temp_dir_file(&dir, "plugins"), temp_dir_file(&dir, "aside")), 0);
    nap(400);
    ck_assert_int_eq(ask("late-1"), LLM_OK); // the program named it: it must be there, so nothing changes
    ck_assert_int_eq(rename(temp_dir_file(&dir, "aside"), temp_dir_file(&dir, "plugins")), 0);
    provider("plugins/providers.d/later.json", "later", "later-");
    ck_assert(soon("later-1", LLM_OK));
}
END_TEST

START_TEST(half_a_file_is_not_taken) {
    static const char half[] = "{\"name\":\"one\",\"base_url\":\"http://127";
    drop_in("plugins/echo.so");
    temp_dir_make(&dir, "plugins/providers.d", 0700);
    provider("plugins/providers.d/one.json", "one", "one-");
    begin(NULL);
    watch();
    ck_assert_int_eq(ask("one-1"), LLM_OK);
    nap(400); // the look at the start is over
    temp_dir_write(&dir, "plugins/providers.d/one.json", half, sizeof half - 1, 0600);
    for (int i = 0; i < 40; i++) { // as long as it is half, nothing changes
        ck_assert_int_eq(ask("one-1"), LLM_OK);
        nap(20);
    }
    ck_assert_uint_eq(logged("one.json:1:"), 1);
    temp_dir_write(&dir, "plugins/providers.d/one.json", half, sizeof half - 2, 0600); // again, and as wrong
    llm_error err = LLM_ERROR_INIT;
    ck_assert_int_eq(llm_master_reload(master, &err), LLM_E_CONFIG); // who asks is told
    ck_assert_ptr_nonnull(strstr(err.message, "one.json:1:"));
    provider("plugins/providers.d/one.json", "one", "uno-");
    ck_assert(soon("uno-1", LLM_OK));
    ck_assert(soon("one-1", LLM_E_NOT_FOUND));
    // Half a plugin under the name of a good one.
    const struct timespec t = {.tv_nsec = 400000000};
    (void)nanosleep(&t, NULL);
    temp_dir_write(&dir, "half", "\177ELF", 4, 0600);
    ck_assert_int_eq(rename(temp_dir_file(&dir, "half"), temp_dir_file(&dir, "plugins/echo.so")), 0);
    nap(500);
    ck_assert_int_eq(ask("uno-1"), LLM_OK);
    ck_assert_uint_eq(logged("was good before"), 1);
    drop_in("plugins/echo.so");
    provider("plugins/providers.d/one.json", "one", "eins-");
    ck_assert(soon("eins-1", LLM_OK));
}
END_TEST

static void config(const char *file, const char *alias) {
    char text[256], temporary[64];
    const int n = snprintf(text, sizeof text, "{\"aliases\":{\"%s\":\"echo-1\"}} // mine\n", alias);
    (void)snprintf(temporary, sizeof temporary, "%s~", file);
    temp_dir_write(&dir, temporary, text, (size_t)n, 0600);
    ck_assert_int_eq(rename(temp_dir_file(&dir, temporary), temp_dir_file(&dir, file)), 0);
}

START_TEST(settings_are_read_again) {
    drop_in("plugins/echo.so");
    config("config.json", "one");
    begin(temp_dir_file(&dir, "config.json"));
    watch();
    ck_assert_int_eq(ask("one"), LLM_OK);
    config("config.json", "two");
    ck_assert(soon("two", LLM_OK));
    ck_assert_int_eq(ask("one"), LLM_E_NOT_FOUND);
    temp_dir_write(&dir, "config.json", "{\"aliases\":{", 12, 0600);
    nap(400);
    ck_assert_int_eq(ask("two"), LLM_OK);
    ck_assert_int_eq(unlink(temp_dir_file(&dir, "config.json")), 0); // it was named: it must be there
    nap(400);
    ck_assert_int_eq(ask("two"), LLM_OK);
    config("config.json", "three");
    ck_assert(soon("three", LLM_OK));
}
END_TEST

// As systems that mount settings do it: the file is a link into ..data, and that link is turned.
START_TEST(a_link_is_turned) {
    drop_in("plugins/echo.so");
    temp_dir_make(&dir, "etc", 0700);
    temp_dir_make(&dir, "etc/..1", 0700);
    temp_dir_make(&dir, "etc/..2", 0700);
    config("etc/..1/config.json", "one");
    config("etc/..2/config.json", "two");
    ck_assert_int_eq(symlink("..1", temp_dir_file(&dir, "etc/..data")), 0);
    ck_assert_int_eq(symlink("..data/config.json", temp_dir_file(&dir, "etc/config.json")), 0);
    begin(temp_dir_file(&dir, "etc/config.json"));
    watch();
    ck_assert_int_eq(ask("one"), LLM_OK);
    nap(400);
    ck_assert_int_eq(symlink("..2", temp_dir_file(&dir, "etc/..new")), 0);
    ck_assert_int_eq(rename(temp_dir_file(&dir, "etc/..new"), temp_dir_file(&dir, "etc/..data")), 0);
    ck_assert(soon("two", LLM_OK));
}
END_TEST

START_TEST(bounds_of_the_kernel_are_named) {
    static const struct {
        int code;
        llm_status want;
        const char *says;
    } bounds[] = {{ENOSPC, LLM_E_LIMIT, "fs.inotify.max_user_watches"}, {ENOMEM, LLM_E_NOMEM, "memory"}};
    drop_in("plugins/echo.so");
    begin(NULL);
    for (size_t i = 0; i < 2; i++) {
        llm_error err = LLM_ERROR_INIT;
        watches_fail = bounds[i].code;
        ck_assert_int_eq(llm_master_watch(master, &err), bounds[i].want);
        ck_assert_ptr_nonnull(strstr(err.message, bounds[i].says));
    }
    watches_fail = 0;
    ck_assert_int_eq(ask("echo-1"), LLM_OK); // nothing else is hurt
    watch();
}
END_TEST

// ---- what is left behind -------------------------------------------------------------------------------------------------

static size_t count_dir(const char *path) {
    DIR *stream = opendir(path);
    size_t n = 0;
    while (stream != NULL && readdir(stream) != NULL) {
        n++;
    }
    (void)closedir(stream);
    return n;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROOM_KIB 262144 // they keep what was freed
#else
#define ROOM_KIB 8192
#endif

struct footprint {
    size_t fds, threads, mappings, memory_kib;
};

static struct footprint footprint(void) {
    struct footprint f = {count_dir("/proc/self/fd"), count_dir("/proc/self/task"), 0, 0};
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        f.mappings += strstr(line, ".so") != NULL || strstr(line, "(deleted)") != NULL ? 1 : 0;
    }
    (void)fclose(maps);
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    ck_assert(statm != NULL && fscanf(statm, "%*s %zu", &pages) == 1);
    (void)fclose(statm);
    f.memory_kib = pages * 4;
    return f;
}

static size_t rounds(size_t shorter, size_t longer) {
    return getenv("LLM_TEST_LONG") != NULL ? longer : shorter;
}

static atomic_bool stop;
static atomic_size_t asked;

static void *ask_on_and_on(void *arg) {
    size_t failed = 0;
    (void)arg;
    while (!atomic_load(&stop)) {
        llm_response *response = NULL;
        const llm_query_args args = {LLM_QUERY_INIT, .model = "load-1", .prompt = "hi",
                                     .flags = atomic_load(&asked) % 2 == 0 ? LLM_QUERY_CACHE | LLM_QUERY_SHARE
                                                                           : 0u};
        const llm_status status = llm_query(master, &args, &response, NULL);
        failed += status != LLM_OK || strcmp(llm_response_content(response, NULL), "Hello") != 0 ? 1 : 0;
        llm_response_free(response);
        atomic_fetch_add(&asked, 1);
    }
    return (void *)failed;
}

static void reload_under_load(size_t n) {
    pthread_t threads[8];
    atomic_store(&stop, false);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on_and_on, NULL), 0);
    }
    for (size_t i = 0; i < n; i++) {
        llm_error err = LLM_ERROR_INIT;
        if (i % 10 == 0) { // what it is made of changes too
            provider("plugins/providers.d/other.json", "other", i % 20 == 0 ? "a-" : "b-");
        }
        ck_assert_msg(llm_master_reload(master, &err) == LLM_OK, "%s", err.message);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 8; i++) {
        void *failed;
        (void)pthread_join(threads[i], &failed);
        ck_assert_uint_eq((size_t)failed, 0);
    }
}

START_TEST(reloads_under_load_lose_and_leak_nothing) {
    drop_in("plugins/echo.so");
    temp_dir_make(&dir, "plugins/providers.d", 0700);
    provider("plugins/providers.d/load.json", "load", "load-");
    const struct footprint start = footprint();
    begin(NULL);
    reload_under_load(20); // warm
    const struct footprint before = footprint();
    const size_t already = atomic_load(&asked);
    reload_under_load(rounds(100, 1000));
    const struct footprint after = footprint();
    printf("# %zu calls; memory %zu to %zu KiB, %zu mappings\n", atomic_load(&asked) - already,
           before.memory_kib, after.memory_kib, after.mappings);
    ck_assert_uint_gt(atomic_load(&asked) - already, 100);
    ck_assert_uint_eq(after.mappings, before.mappings);
    ck_assert_uint_le(after.fds, start.fds + 8 * 4);      // a loop for each thread
    ck_assert_uint_le(after.threads, before.threads + 8); // joined ones are listed for a moment
    ck_assert_uint_le(after.memory_kib, before.memory_kib + ROOM_KIB);
    llm_master_free(master);
    master = NULL;
    ck_assert_uint_eq(footprint().fds, start.fds);
}
END_TEST

START_TEST(masters_come_and_go) {
    drop_in("plugins/echo.so");
    struct footprint before = {0};
    const size_t n = rounds(40, 400);
    for (size_t i = 0; i < n; i++) {
        begin(NULL);
        watch();
        ck_assert_int_eq(ask("echo-1"), LLM_OK);
        if (i % 2 == 0) {
            llm_master_unwatch(master);
            llm_master_unwatch(master);
        }
        llm_master_free(master);
        master = NULL;
        if (i == 9) {
            before = footprint();
        }
    }
    const struct footprint after = footprint();
    ck_assert_uint_eq(after.mappings, before.mappings);
    ck_assert_uint_eq(after.fds, before.fds);
    ck_assert_uint_le(after.threads, before.threads + 1);
    ck_assert_uint_le(after.memory_kib, before.memory_kib + ROOM_KIB);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reload");
    TCase *tcase = tcase_create("reload");
    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_plugin_works_when_it_is_dropped_in);
    tcase_add_test(tcase, directories_may_come_later);
    tcase_add_test(tcase, half_a_file_is_not_taken);
    tcase_add_test(tcase, settings_are_read_again);
    tcase_add_test(tcase, a_link_is_turned);
    tcase_add_test(tcase, bounds_of_the_kernel_are_named);
    tcase_add_test(tcase, reloads_under_load_lose_and_leak_nothing);
    tcase_add_test(tcase, masters_come_and_go);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
