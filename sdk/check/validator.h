// SPDX-License-Identifier: MIT
// The validator of plugins: what conforms is what it passes.  Every test runs in a process of its own; only the token that the parent
// gave to that process, sent back with the verdict, makes a pass.
#ifndef LLM_CHECK_VALIDATOR_H
#define LLM_CHECK_VALIDATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "codec_host.h"
#include "llm_provider.h"
#include "plugin/elf.h"
#include "plugin/manifest.h"
#include "vectors.h"

enum check_level { CHECK_ERROR, CHECK_WARNING };

enum check_verdict {
    CHECK_PASS,
    CHECK_WARN,     // a warning's test that found something
    CHECK_FAIL,     // the plugin breaks the rule
    CHECK_SKIP,     // does not apply to this plugin, or its time has not come; the text says why
    CHECK_UNTESTED, // the test itself could not be made
};

struct check_options {
    const char *self;           // this program
    const char *decoys;         // this program with decoys exported; NULL: not there
    const char *file;           // the plugin
    const char *const *vectors; // files with recorded exchanges
    size_t n_vectors;
    const char *source; // the plugin's own folder; NULL: not given
    uint64_t seed;
    uint32_t timeout_ms; // of one test
    uint32_t fuzz_ms;    // test 50
};

// One test while it runs, in the child.
struct check {
    const struct check_options *options;
    const struct check_test *test;
    enum check_verdict verdict;
    char text[1024];
    uint64_t random;
    int result_fd;

    // check_load() and what follows it.
    void *handle;
    const llm_provider_descriptor *plugin;
    uintptr_t code_from, code_to;        // where the plugin lies in memory
    struct codec_vector_case **recorded; // all recorded exchanges, read before the plugin is loaded
    size_t n_recorded;
    uint64_t load_us;
    char *config, *base_url; // of the manifest's first provider; NULL: none

    // check_file()
    struct llm_elf elf;
    int fd;
    llm_str manifest; // JSON; absent: none that can be read
    struct llm_manifest facts;
};

struct check_test {
    int number;
    const char *id; // "file-exports"
    enum check_level level;
    const char *rule;   // what must hold, one line
    const char *remedy; // what to do
    void (*run)(struct check *check);
};

extern const struct check_test check_tests[]; // ended by a NULL id

// ---- verdicts: the first failure stays ------------------------------------------------------------------------------

// For a warning's test it is CHECK_WARN.
void check_fail(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
void check_skip(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
void check_untested(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What a pass has to tell: a figure.
void check_note(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool check_failed(const struct check *check) {
    return check->verdict == CHECK_FAIL || check->verdict == CHECK_WARN || check->verdict == CHECK_UNTESTED;
}

// The digits at p, in base 10 or 16: what follows them; NULL: there is none, or the number is too large.
const char *check_number(const char *p, unsigned base, uint64_t *ret);
uint64_t check_random(struct check *check);

// ---- what a test begins with; false: the verdict is given --------------------------------------------------------------

// Open the file and read its ELF tables and manifest; nothing of it runs.
bool check_file(struct check *check);
// Recordings, dlopen() and the entry function.
bool check_load(struct check *check);
// The same inside the sandbox: what it tries besides is in check_sandbox_report().  out: where the verdict will be written.
bool check_load_sandboxed(struct check *check);
// The steps of it.
bool check_read_recordings(struct check *check);
bool check_open(struct check *check);

// ---- cases ------------------------------------------------------------------------------------------------------------

// Run each case: all recorded exchanges, or, when there are none, requests of the corpus with a made-up answer.
// visit: false: stop.
typedef bool (*check_visit_fn)(struct check *check, struct codec_vector_case *v, void *ctx);
size_t check_each_vector(struct check *check, check_visit_fn visit, void *ctx);
void check_bind(struct check *check); // recordings get the loaded plugin
// Requests of every operation of the plugin, about 200 in all, without answers.
size_t check_each_request(struct check *check, check_visit_fn visit, void *ctx);
// Recorded exchanges if there are some, else requests with made-up answers.
size_t check_each_case(struct check *check, check_visit_fn visit, void *ctx);
// Text of a result to compare by; the caller's: free().
char *check_outcome(const struct codec_case *c);
// A case with the first provider of the manifest: its base URL and configuration; config NULL: it has none.
struct codec_case check_own_case(const struct check *check);
const llm_generator *check_generator(const struct check *check, const char *operation);

// ---- the sandbox ------------------------------------------------------------------------------------------------------

enum check_phase { CHECK_LOADING, CHECK_RUNNING };

// From now on a system call that the phase does not allow fails with EPERM and is written down.  false: not possible here.
bool check_sandbox(enum check_phase phase, const char *plugin, int result_fd);
void check_sandbox_phase(enum check_phase phase);
// "connect, open /etc/passwd"; "": nothing.
const char *check_sandbox_report(void);

// ---- memory and environment ---------------------------------------------------------------------------------------------

// Count and fail allocations made by code between these addresses.
void check_memory_watch(uintptr_t from, uintptr_t to);
// fail_at: this allocation (1, 2, ...) gives NULL; 0: none does.  Counters start again.
void check_memory_reset(uint64_t fail_at);
uint64_t check_memory_count(void);
int64_t check_memory_live(void);
// Is the plugin's malloc ours?  (Not in a sanitized build.)
bool check_memory_works(void);
// Variables that the plugin asked for: "HOME, PATH"; "": none.
const char *check_environment_report(void);

// ---- locale -----------------------------------------------------------------------------------------------------------

// From now on numbers are printed and read with a decimal comma in this process.  false: that cannot be had here.
bool check_decimal_comma(void);

// ---- the parent ------------------------------------------------------------------------------------------------------------

struct check_result {
    const struct check_test *test;
    enum check_verdict verdict;
    char text[1024];
    uint64_t us;
};

// Run test number `test` in a child.  Gives the verdict in *ret.
void check_run(const struct check_options *options, const struct check_test *test, struct check_result *ret);
// The child's side: read the token from fd `in`, run the test, write the verdict to fd `out`.
int check_child(const struct check_options *options, const struct check_test *test, int in, int out);

// plugins bench: figures of the plugin's calls over all cases, on standard output.  0, or 2.
int check_bench(const struct check_options *options);
// plugins diff: what differs when the same cases go through old_file and options->file.  0: nothing; 1; 2: it could not be found out.
int check_diff(const struct check_options *options, const char *old_file);

// plugins pack: a folder `dir` with the file, its manifest and their SHA-256.  0; 1: no plugin; 2: it cannot be written.
int check_pack(const struct check_options *options, const char *dir);
// The recordings in folder as vectors, on standard output.  0; 1: the plugin sends something else than was recorded; 2.
int check_vectors(const struct check_options *options, const char *folder);

// ---- tests ----------------------------------------------------------------------------------------------------------------

void check_test_elf(struct check *check);
void check_test_exports(struct check *check);
void check_test_undefined(struct check *check);
void check_test_needed(struct check *check);
void check_test_search_path(struct check *check);
void check_test_constructors(struct check *check);
void check_test_static_tls(struct check *check);
void check_test_glibc(struct check *check);
void check_test_note(struct check *check);
void check_test_manifest(struct check *check);
void check_test_build_paths(struct check *check);
void check_test_size(struct check *check);
void check_test_loads(struct check *check);
void check_test_load_calls(struct check *check);
void check_test_decoys(struct check *check);
void check_test_two_copies(struct check *check);
void check_test_entry(struct check *check);
void check_test_descriptor(struct check *check);
void check_test_identity(struct check *check);
void check_test_interfaces(struct check *check);
void check_test_mandatory(struct check *check);
void check_test_hosts(struct check *check);
void check_test_no_interface(struct check *check);
void check_test_cycles(struct check *check);
void check_test_init_fails(struct check *check);
void check_test_two_instances(struct check *check);
void check_test_configurations(struct check *check);
void check_test_instance_free(struct check *check);
void check_test_environment(struct check *check);
void check_test_request_line(struct check *check);
void check_test_request_body(struct check *check);
void check_test_secrets(struct check *check);
void check_test_unsupported(struct check *check);
void check_test_deterministic(struct check *check);
void check_test_verbs_refuse(struct check *check);
void check_test_request_cost(struct check *check);
void check_test_recorded(struct check *check);
void check_test_split(struct check *check);
void check_test_unknown(struct check *check);
void check_test_truncated(struct check *check);
void check_test_error_event(struct check *check);
void check_test_utf8(struct check *check);
void check_test_tools(struct check *check);
void check_test_finish(struct check *check);
void check_test_sizes(struct check *check);
void check_test_fail_matrix(struct check *check);
void check_test_again(struct check *check);
void check_test_cancelled(struct check *check);
void check_test_kept_slices(struct check *check);
void check_test_fuzz(struct check *check);
void check_test_close_anywhere(struct check *check);
void check_test_threads(struct check *check);
void check_test_fresh_threads(struct check *check);
void check_test_process(struct check *check);
void check_test_leftovers(struct check *check);
void check_test_no_memory(struct check *check);
void check_test_blocking(struct check *check);
void check_test_sandboxed(struct check *check);
void check_test_log(struct check *check);
void check_test_call_cost(struct check *check);
void check_test_replay(struct check *check);
void check_test_round_trip(struct check *check);
void check_test_documents(struct check *check);

#endif
