// SPDX-License-Identifier: MIT
// From a file to a table of functions, as a host would.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "llm_json.h"
#include "validator.h"

#define ENTRY_NAME "llm_provider_entry_v1"

static bool read_manifest(struct check *check) {
    struct llm_reason why = {""};
    uint64_t at = 0;
    size_t len = 0;
    if (llm_elf_note(&check->elf, LLM_NOTE_NAME, LLM_NOTE_TYPE, &at, &len, &why) != LLM_OK || len == 0 ||
        len > LLM_MAX_MANIFEST_BYTES + 1u) {
        return false;
    }
    char *text = malloc(len + 1); // it lives as long as the process
    if (text == NULL || !llm_elf_read(&check->elf, at, text, len)) {
        free(text);
        return false;
    }
    text[len] = '\0';
    check->manifest = (llm_str){text, text[len - 1] == '\0' ? len - 1 : len};
    return llm_manifest_read(check->manifest, &codec_plain_host, &check->facts, &why) == LLM_OK;
}

bool check_file(struct check *check) {
    struct llm_reason why = {""};
    struct stat st;
    check->fd = open(check->options->file, O_RDONLY | O_CLOEXEC);
    if (check->fd < 0 || fstat(check->fd, &st) != 0) {
        check_untested(check, "cannot open %s: %s", check->options->file, strerror(errno));
        return false;
    }
    if (llm_elf_open(&check->elf, check->fd, NULL, (uint64_t)st.st_size, &why) != LLM_OK) {
        if (check->test->number == 1) {
            check_fail(check, "%s", why.text);
        } else {
            check_skip(check, "not readable as a shared object (test 1 says why)");
        }
        return false;
    }
    (void)read_manifest(check);
    return true;
}

// ---- loading ---------------------------------------------------------------------------------------------------------

static int find_range(struct dl_phdr_info *info, size_t size, void *ctx) {
    struct check *check = ctx;
    (void)size;
    uintptr_t from = UINTPTR_MAX, to = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            const uintptr_t at = info->dlpi_addr + segment->p_vaddr;
            from = at < from ? at : from;
            to = at + segment->p_memsz > to ? at + segment->p_memsz : to;
        }
    }
    const uintptr_t entry = (uintptr_t)dlsym(check->handle, ENTRY_NAME);
    if (entry >= from && entry < to) {
        check->code_from = from;
        check->code_to = to;
        return 1;
    }
    return 0;
}

bool check_open(struct check *check) {
    struct timespec from, to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    check->handle = dlopen(check->options->file, RTLD_NOW | RTLD_LOCAL);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    check->load_us =
        (uint64_t)((int64_t)(to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
    if (check->handle == NULL) {
        const char *message = dlerror();
        if (check->test->number == 13) {
            check_fail(check, "%s", message != NULL ? message : "dlopen() gives no reason");
        } else {
            check_skip(check, "cannot be loaded (test 13 says why)");
        }
        return false;
    }
    return true;
}

static bool enter(struct check *check) {
    union {
        void *p;
        const llm_provider_descriptor *(LLM_CALL *fn)(void);
    } entry = {.p = dlsym(check->handle, ENTRY_NAME)};
    if (entry.p == NULL) {
        check_skip(check, "there is no %s (test 2 says more)", ENTRY_NAME);
        return false;
    }
    (void)dl_iterate_phdr(find_range, check);
    check_memory_watch(check->code_from, check->code_to);
    check->plugin = entry.fn();
    if (check->plugin == NULL) {
        if (check->test->number == 18) {
            check_fail(check, "the entry gives NULL");
        } else {
            check_skip(check, "the entry gives NULL (test 18)");
        }
        return false;
    }
    if (check->test->number < 18 && check->test->run != check_test_decoys &&
        check->test->run != check_test_two_copies) {
        return true;
    }
    // What the tests themselves need in order not to crash; the tests named say what is wrong.
    const llm_provider_descriptor *d = check->plugin;
    if (d->size < LLM_END(llm_provider_descriptor, get_interface) || d->size > LLM_MAX_TABLE_BYTES) {
        if (check->test->number != 18) {
            check_skip(check, "the descriptor's size makes no sense (test 18)");
        }
        return check->test->number == 18;
    }
    if (d->generators == NULL) {
        if (check->test->number != 18 && check->test->number != 21) {
            check_skip(check, "there are no generators (test 21)");
            return false;
        }
        return true;
    }
    for (const llm_generator *const *g = d->generators;
         *g != NULL && check->test->number != 18 && check->test->number != 19 && check->test->number != 21;
         g++) {
        const llm_codec *c = (*g)->codec;
        const bool whole =
            (*g)->size >= LLM_END(llm_generator, generate) && (*g)->name != NULL && (*g)->operation != NULL &&
            (*g)->formats != NULL && (*g)->formats[0] != NULL && (c != NULL) != ((*g)->generate != NULL) &&
            ((*g)->generate == NULL || (*g)->generate->run != NULL) &&
            (c == NULL || (c->size >= LLM_END(llm_codec, end) && c->open != NULL && c->close != NULL &&
                           c->encode != NULL && c->data != NULL && c->end != NULL));
        if (!whole) {
            check_skip(check, "a generator is not whole (tests 18, 21)");
            return false;
        }
    }
    if (d->generators[0] == NULL && check->test->number > 21) {
        check_skip(check, "there are no generators (test 21)");
        return false;
    }
    check_bind(check);
    return true;
}

struct codec_case check_own_case(const struct check *check) {
    return (struct codec_case){.plugin = check->plugin,
                               .base_url =
                                   check->base_url != NULL ? check->base_url : "https://api.example.com/v1",
                               .config = check->config};
}

// The first provider of the manifest, before the plugin is loaded: the sandbox would not let it be read.
static void read_own_provider(struct check *check) {
    const enum check_verdict verdict = check->verdict;
    char text[sizeof check->text];
    memcpy(text, check->text, sizeof text);
    if (check->fd < 0 && check_file(check)) {
        llm_json_iter it = llm_json_begin(llm_json_get(check->manifest, "providers"));
        if (check->manifest.ptr != NULL && llm_json_next(&it) && it.value.ptr != NULL) {
            const llm_str url = llm_json_plain(llm_json_get(it.value, "base_url"));
            check->config = strndup(it.value.ptr, it.value.len);
            check->base_url = url.len > 0 && url.ptr[0] != '{' ? strndup(url.ptr, url.len) : NULL;
        }
    }
    check->verdict = verdict; // what is wrong with the file is said elsewhere
    memcpy(check->text, text, sizeof text);
}

bool check_load(struct check *check) {
    read_own_provider(check);
    return check_read_recordings(check) && check_open(check) && enter(check);
}

bool check_load_sandboxed(struct check *check) {
    read_own_provider(check);
    if (!check_read_recordings(check)) {
        return false;
    }
    if (!check_sandbox(CHECK_LOADING, check->options->file, check->result_fd)) {
        check_skip(check, "no sandbox here: a sanitized build, or a system without seccomp");
        return false;
    }
    return check_open(check) && enter(check);
}

const llm_generator *check_generator(const struct check *check, const char *operation) {
    for (const llm_generator *const *g = check->plugin->generators; *g != NULL; g++) {
        if (strcmp((*g)->operation, operation) == 0 && (*g)->codec != NULL) {
            return *g;
        }
    }
    return NULL;
}
