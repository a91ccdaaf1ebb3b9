// SPDX-License-Identifier: MIT
// Tests 13 to 29: loading, the entry, the tables, hosts, instances.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "llm_json.h"
#include "validator.h"

void check_test_loads(struct check *check) {
    if (check_open(check)) {
        if (check->load_us > 20000) {
            check_note(check, "loading took %llu us", (unsigned long long)check->load_us);
        }
    }
}

void check_test_load_calls(struct check *check) {
    if (!check_load_sandboxed(check)) {
        // A constructor that is refused something may make loading fail: then that is what is said.
        if (check_sandbox_report()[0] != '\0') {
            check->verdict = CHECK_FAIL;
            (void)snprintf(check->text, sizeof check->text, "while it was loaded: %s",
                           check_sandbox_report());
        }
        return;
    }
    if (check_sandbox_report()[0] != '\0') {
        check_fail(check, "while it was loaded: %s", check_sandbox_report());
    }
}

// ---- decoys, copies ---------------------------------------------------------------------------------------------------

static uint64_t hash_text(uint64_t hash, const char *text) { // FNV-1a
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash;
}

static bool add_outcome(struct check *check, struct codec_vector_case *v, void *ctx) {
    uint64_t *hash = ctx;
    (void)check;
    char *text = check_outcome(&v->c);
    *hash = hash_text(*hash, text != NULL ? text : "");
    free(text);
    return true;
}

static bool compare_vector(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct llm_buf why = {.max = LLM_MAX_RESPONSE_BYTES};
    (void)ctx;
    if (!codec_vector_compare(v, CODEC_SPLIT_WHOLE, &why)) {
        check_fail(check, "\"%.*s\": %.300s", LLM_FMT(v->name), why.ptr != NULL ? why.ptr : "");
    }
    llm_buf_done(&why);
    return !check_failed(check);
}

// With the decoys this program is another one: what it finds there is compared with what it finds here, in a child of its own.
bool check_has_decoys(void);

void check_test_decoys(struct check *check) {
    uint64_t hash = UINT64_C(14695981039346656037);
    if (!check_has_decoys()) {
        check_skip(check, "the program with decoys is not installed beside this one");
        return;
    }
    if (!check_load(check)) {
        return;
    }
    if (check->n_recorded > 0) {
        (void)check_each_vector(check, compare_vector, NULL);
        return;
    }
    (void)check_each_case(
        check, add_outcome,
        &hash); // nothing to compare with but itself: a decoy that is called ends the process
}

static int copy_of(const char *path) {
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    const int to = memfd_create("copy", MFD_CLOEXEC);
    struct stat st;
    bool ok = from >= 0 && to >= 0 && fstat(from, &st) == 0;
    for (off_t at = 0; ok && at < st.st_size;) {
        ok = sendfile(to, from, &at, (size_t)(st.st_size - at)) > 0;
    }
    (void)close(from);
    return ok ? to : -1;
}

void check_test_two_copies(struct check *check) {
    const llm_provider_descriptor *plugins[2] = {NULL, NULL};
    uint64_t hashes[3];
    if (!check_load(check)) {
        return;
    }
    plugins[0] = check->plugin;
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", copy_of(check->options->file));
    union {
        void *p;
        const llm_provider_descriptor *(LLM_CALL *fn)(void);
    } entry = {.p = NULL};
    void *second = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    entry.p = second != NULL ? dlsym(second, "llm_provider_entry_v1") : NULL;
    if (entry.p == NULL) {
        check_untested(check, "a copy cannot be loaded: %s", dlerror());
        return;
    }
    plugins[1] = entry.fn();
    if (plugins[1] == NULL || plugins[1] == plugins[0]) {
        check_fail(check, "two copies give the same table");
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        hashes[i] = UINT64_C(14695981039346656037);
        check->plugin = plugins[i % 2];
        check_bind(check);
        (void)check_each_case(check, add_outcome, &hashes[i]);
    }
    if (hashes[0] != hashes[1] || hashes[0] != hashes[2]) {
        check_fail(check, "the same cases give other results in another copy");
    }
}

// ---- the entry and its tables --------------------------------------------------------------------------------------------

static void *call_entry(void *ctx) {
    struct check *check = ctx;
    union {
        void *p;
        const llm_provider_descriptor *(LLM_CALL *fn)(void);
    } entry = {.p = dlsym(check->handle, "llm_provider_entry_v1")};
    return (void *)(uintptr_t)entry.fn();
}

void check_test_entry(struct check *check) {
    pthread_t thread;
    void *other = NULL;
    if (!check_load(check)) {
        return;
    }
    check_memory_reset(0);
    const void *again = call_entry(check);
    if (check_memory_count() != 0) {
        check_fail(check, "it allocates memory");
    }
    if (pthread_create(&thread, NULL, call_entry, check) == 0) {
        (void)pthread_join(thread, &other);
    }
    if (again != check->plugin || other != check->plugin) {
        check_fail(check, "it gives another pointer the second time, or in another thread");
    }
}

// The protection of the page that holds an address: 'r' 'w' 'x' as in /proc/self/maps.
static bool is_writable(const void *p) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool writable = true;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        uint64_t from = 0, to = 0; // "from-to rwxp ..."
        const char *at = check_number(line, 16, &from);
        at = at != NULL && *at == '-' ? check_number(at + 1, 16, &to) : NULL;
        if (at != NULL && (uintptr_t)p >= from && (uintptr_t)p < to && at[0] == ' ' && at[1] != '\0') {
            writable = at[2] == 'w';
        }
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    return writable;
}

static void judge_table(struct check *check, const void *p, uint32_t size, size_t min, const char *what) {
    if (size < min || size > LLM_MAX_TABLE_BYTES) {
        check_fail(check, "%s has the size %u, at least %zu is needed", what, size, min);
    } else if (is_writable(p)) {
        check_fail(check, "%s lies in memory that can be written to", what);
    }
}

void check_test_descriptor(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    const llm_provider_descriptor *d = check->plugin;
    judge_table(check, d, d->size, LLM_END(llm_provider_descriptor, get_interface), "the descriptor");
    if (check_failed(check) || d->generators == NULL) {
        return;
    }
    for (const llm_generator *const *g = d->generators; *g != NULL && !check_failed(check); g++) {
        judge_table(check, *g, (*g)->size, LLM_END(llm_generator, generate), "a generator");
        if (!check_failed(check) && (*g)->codec != NULL) {
            judge_table(check, (*g)->codec, (*g)->codec->size, LLM_END(llm_codec, end), "a codec");
        }
        if (!check_failed(check) && (*g)->generate != NULL) {
            judge_table(check, (*g)->generate, (*g)->generate->size, LLM_END(llm_generate, run),
                        "a generate table");
        }
    }
}

void check_test_identity(struct check *check) {
    if (!check_load(check) || !check_file(check)) {
        return;
    }
    const llm_provider_descriptor *d = check->plugin;
    if (check->facts.id.ptr == NULL) {
        check_skip(check, "there is no manifest that can be read (test 9 says why)");
        return;
    }
    if (d->id == NULL || !llm_str_is(check->facts.id, d->id)) {
        check_fail(check, "the descriptor says id %s, the manifest %.*s", d->id != NULL ? d->id : "(none)",
                   LLM_FMT(check->facts.id));
    }
    if (d->version == NULL || !llm_str_is(check->facts.version, d->version)) {
        check_fail(check, "the descriptor says version %s, the manifest %.*s",
                   d->version != NULL ? d->version : "(none)", LLM_FMT(check->facts.version));
    }
    size_t n = 0;
    if (check->facts.generators.ptr == NULL) {
        return;
    }
    for (const llm_generator *const *g = d->generators; g != NULL && *g != NULL; g++, n++) {
        const llm_str operation = (*g)->name != NULL
                                      ? llm_json_plain(llm_json_get(check->facts.generators, (*g)->name))
                                      : (llm_str){NULL, 0};
        if ((*g)->operation == NULL || !llm_str_is(operation, (*g)->operation)) {
            check_fail(check, "the generator %s is not in the manifest as it is",
                       (*g)->name != NULL ? (*g)->name : "(no name)");
        }
    }
    if (n != llm_json_count(check->facts.generators)) {
        check_fail(check, "there are %zu generators, the manifest names %zu", n,
                   llm_json_count(check->facts.generators));
    }
}

void check_test_interfaces(struct check *check) {
    static const char *const nonsense[] = {
        "",
        "nonsense",
        "llm.codec/1x",
        "llm.codec/",
        "llm.nothing/99",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    if (!check_load(check)) {
        return;
    }
    for (size_t i = 0; check->plugin->get_interface != NULL && i < sizeof nonsense / sizeof nonsense[0];
         i++) {
        if (check->plugin->get_interface(nonsense[i]) != NULL) {
            check_fail(check, "get_interface(\"%s\") gives something", nonsense[i]);
        }
    }
}

void check_test_mandatory(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    const llm_provider_descriptor *d = check->plugin;
    if (d->generators == NULL || d->generators[0] == NULL) {
        check_fail(check, "it has no generators");
        return;
    }
    if ((d->instance_new == NULL) != (d->instance_free == NULL)) {
        check_fail(check, "instance_new and instance_free: one of them is missing");
    }
    for (const llm_generator *const *g = d->generators; *g != NULL; g++) {
        const char *name = (*g)->name != NULL ? (*g)->name : "(no name)";
        const llm_codec *c = (*g)->codec;
        if ((*g)->name == NULL || (*g)->operation == NULL) {
            check_fail(check, "a generator has no %s", (*g)->name == NULL ? "name" : "operation");
        }
        if ((*g)->formats == NULL || (*g)->formats[0] == NULL) {
            check_fail(check, "%s takes no format", name);
        }
        if ((c != NULL) == ((*g)->generate != NULL)) {
            check_fail(check, "%s must have one of codec and generate", name);
        }
        if (c != NULL && (c->size < LLM_END(llm_codec, end) || c->open == NULL || c->close == NULL ||
                          c->encode == NULL || c->data == NULL || c->end == NULL)) {
            check_fail(check, "the codec of %s has no open, close, encode, data or end", name);
        }
        if ((*g)->generate != NULL && (*g)->generate->run == NULL) {
            check_fail(check, "%s blocks and has no run", name);
        }
        for (const llm_generator *const *other = d->generators; other != g; other++) {
            if ((*other)->name != NULL && (*g)->name != NULL && strcmp((*other)->name, (*g)->name) == 0) {
                check_fail(check, "two generators are called %s", name);
            }
        }
    }
}

// ---- hosts -------------------------------------------------------------------------------------------------------------

// A host at the end of a page that is followed by nothing: who reads behind its size crashes.
static llm_host *host_at_edge(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + 2 * page, page, PROT_NONE) != 0) {
        return NULL;
    }
    llm_host *host = (void *)(p + 2 * page - size);
    memset(host, 0xaa, size);
    const size_t known = size < sizeof *host ? size : sizeof *host;
    memcpy(host, &codec_plain_host, known);
    host->size = (uint32_t)size;
    return host;
}

static bool try_host(struct check *check, const llm_host *host, const char *what) {
    void *state = NULL;
    if (host == NULL) {
        check_untested(check, "out of memory");
        return false;
    }
    const llm_status status = check->plugin->init != NULL ? check->plugin->init(host, &state) : LLM_OK;
    if (status >= 0) {
        if (check->plugin->shutdown != NULL) {
            check->plugin->shutdown(state);
        }
    } else if (status != LLM_E_UNSUPPORTED || check->test->run != check_test_no_interface) {
        check_fail(check, "%s: init() gives %d", what, status);
    }
    return !check_failed(check);
}

void check_test_hosts(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    llm_host *old = host_at_edge(LLM_END(llm_host, alloc));
    llm_host *future = host_at_edge(sizeof(llm_host) + 64);
    if (old != NULL && future != NULL) {
        old->abi_minor = 0;
        future->abi_minor = LLM_ABI_MINOR + 9;
    }
    (void)(try_host(check, old, "a host of ABI 1.0") && try_host(check, future, "a host of a later ABI"));
}

void check_test_no_interface(struct check *check) {
    if (check_load(check)) {
        (void)try_host(check, &codec_plain_host, "a host without interfaces");
    }
}

void check_test_cycles(struct check *check) {
    struct codec_shared shared;
    if (!check_load(check)) {
        return;
    }
    const struct codec_case c = check_own_case(check);
    for (int i = 0; i < 101; i++) {
        if (i == 1) { // what the first time sets up for good is no leak
            check_memory_reset(0);
        }
        if (codec_shared_new(&c, &codec_plain_host, &shared) == LLM_OK) {
            codec_shared_done(&c, &shared);
        }
    }
    if (check_memory_live() != 0) {
        check_fail(check, "after 100 times %lld blocks are left", (long long)check_memory_live());
    }
}

static void *alloc_nothing(void *ctx, void *old, size_t size) {
    (void)ctx;
    (void)size;
    if (size == 0) {
        free(old);
    }
    return NULL;
}

void check_test_init_fails(struct check *check) {
    struct codec_shared shared;
    if (!check_load(check)) {
        return;
    }
    llm_host host = codec_plain_host;
    host.alloc = alloc_nothing;
    const struct codec_case c = check_own_case(check);
    const llm_status status = codec_shared_new(&c, &host, &shared);
    if (status == LLM_OK) {
        codec_shared_done(&c, &shared);
    } else if (status != LLM_E_NOMEM && status != LLM_E_CONFIG) {
        check_fail(check, "it gives %d instead of LLM_E_NOMEM", status);
    }
}

// ---- instances -----------------------------------------------------------------------------------------------------------

static bool url_differs(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result first, second;
    bool *found = ctx;
    struct codec_case c = v->c;
    struct codec_shared shared;
    c.n_answers = 0;
    c.base_url = "https://one.example/v1";
    (void)codec_host_run(&c, &first);
    struct codec_case other = c;
    other.base_url = "https://two.example/v1";
    const bool ready = codec_shared_new(&other, &codec_plain_host, &shared) == LLM_OK;
    // A second instance exists while the first one's job runs again.
    (void)codec_host_run(&c, &second);
    if (first.n_exchanges > 0 && second.n_exchanges > 0) {
        *found = true;
        const llm_str a = llm_buf_str(&first.exchanges[0].url), b = llm_buf_str(&second.exchanges[0].url);
        if (!llm_str_eq(a, b) || (a.len > 0 && memmem(a.ptr, a.len, "two.example", 11) != NULL)) {
            check_fail(check, "with a second instance the first one's URL becomes %.*s", LLM_FMT(b));
        }
    }
    codec_result_done(&first);
    codec_result_done(&second);
    if (ready) {
        codec_shared_done(&other, &shared);
    }
    return !*found && !check_failed(check);
}

void check_test_two_instances(struct check *check) {
    bool found = false;
    if (!check_load(check)) {
        return;
    }
    struct codec_shared shared;
    const struct codec_case own = check_own_case(check);
    const llm_status status = codec_shared_new(&own, &codec_plain_host, &shared);
    if (status == LLM_OK) {
        codec_shared_done(&own, &shared);
    } else if (own.config != NULL) {
        check_fail(check, "instance_new() refuses the provider of its own manifest: %d", status);
    } else if (check->n_recorded == 0) {
        check_untested(
            check, "no configuration to make an instance with: no provider in the manifest, no --vectors");
    }
    (void)check_each_request(check, url_differs, &found);
}

static void try_config(struct check *check, const char *config) {
    const struct codec_case c = {
        .plugin = check->plugin, .base_url = "https://api.example.com/v1", .config = config};
    const llm_instance_args args = {.size = sizeof args,
                                    .name = LLM_STR("check"),
                                    .base_url = llm_str_from(c.base_url),
                                    .config = llm_str_from(config)};
    void *state = NULL;
    llm_instance *inst = NULL;
    llm_str message = {NULL, 0};
    if (check->plugin->init != NULL && check->plugin->init(&codec_plain_host, &state) < 0) {
        return;
    }
    const llm_status status = check->plugin->instance_new(state, &args, &inst, &message);
    if (status < 0) {
        if (status != LLM_E_CONFIG && status != LLM_E_NOMEM && status != LLM_E_UNSUPPORTED) {
            check_fail(check, "%.80s gives %d instead of LLM_E_CONFIG", config, status);
        } else if (message.len == 0 || !llm_str_utf8(message)) {
            check_fail(check, "%.80s is refused without a message", config);
        }
    } else if (check->plugin->instance_free != NULL) {
        check->plugin->instance_free(inst);
    }
    if (check->plugin->shutdown != NULL) {
        check->plugin->shutdown(state);
    }
}

// Each member of a provider's object, with a value of each other type.
static void try_mutations(struct check *check, llm_str provider) {
    static const char *const values[] = {"null", "true", "-1",        "1e400",      "\"\"",
                                         "[]",   "{}",   "[[[[1]]]]", "\"\\u0000\""};
    for (llm_json_iter it = llm_json_begin(provider); llm_json_next(&it);) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char *text = NULL;
            const size_t before = (size_t)(it.value.ptr - provider.ptr);
            if (asprintf(&text, "%.*s%s%.*s", (int)before, provider.ptr, values[i],
                         (int)(provider.len - before - it.value.len), it.value.ptr + it.value.len) >= 0) {
                try_config(check, text);
                free(text);
            }
        }
    }
}

void check_test_configurations(struct check *check) {
    static const char *const plain[] = {"{}", "{\"name\":\"x\",\"zz_unknown\":{\"a\":[1,2]}}",
                                        "{\"name\":5,\"base_url\":[],\"custom\":3}",
                                        "{\"parameters\":\"x\",\"headers\":1}"};
    if (!check_load(check) || !check_file(check)) {
        return;
    }
    if (check->plugin->instance_new == NULL) {
        check_skip(check, "it keeps no instance");
        return;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        try_config(check, plain[i]);
    }
    for (llm_json_iter it = llm_json_begin(llm_json_get(check->manifest, "providers")); llm_json_next(&it);) {
        try_mutations(check, it.value);
    }
    for (size_t i = 0; i < check->n_recorded; i++) {
        if (check->recorded[i]->c.config != NULL &&
            (i == 0 || check->recorded[i - 1]->c.config == NULL ||
             strcmp(check->recorded[i]->c.config, check->recorded[i - 1]->c.config) != 0)) {
            const llm_str config = llm_str_from(check->recorded[i]->c.config);
            size_t at;
            if (llm_json_check(config, LLM_MAX_JSON_DEPTH, &at)) {
                try_mutations(check, llm_json_value(config));
            }
        }
    }
}

static bool run_case(struct check *check, struct codec_vector_case *v, void *ctx) {
    struct codec_result result;
    (void)ctx;
    (void)check;
    (void)codec_host_run(&v->c, &result);
    codec_result_done(&result);
    return true;
}

void check_test_instance_free(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    if (!check_memory_works()) {
        check_skip(check, "this build cannot count allocations; its own sanitizer does");
    }
    (void)check_each_case(check, run_case, NULL);
    check_memory_reset(0);
    (void)check_each_case(check, run_case, NULL);
    if (check_memory_live() != 0) {
        check_fail(check, "%lld blocks are left after all jobs, instances and shutdown()",
                   (long long)check_memory_live());
    }
}

void check_test_environment(struct check *check) {
    if (!check_load(check)) {
        return;
    }
    (void)check_each_case(check, run_case, NULL);
    if (check_environment_report()[0] != '\0') {
        check_fail(check, "it reads %s", check_environment_report());
    }
}
