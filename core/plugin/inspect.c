// SPDX-License-Identifier: MIT
#include "plugin/inspect.h"

#include <fcntl.h>

#include "base/limits.h"
#include "llm_store.h"
#include "plugin/ownership.h"
#include "plugin/rules.h"

int llm_inspect_open(int dir_fd, const char *name) {
    return openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static llm_status read_manifest(struct llm_elf *elf, struct llm_arena *arena, llm_str *ret,
                                bool *ret_is_store, struct llm_reason *why) {
    uint64_t at = 0;
    size_t len = 0;
    llm_status status = llm_elf_note(elf, LLM_NOTE_NAME, LLM_NOTE_TYPE, &at, &len, why);
    *ret_is_store = status == LLM_E_NOT_FOUND;
    if (*ret_is_store) {
        status = llm_elf_note(elf, LLM_NOTE_NAME, LLM_STORE_NOTE_TYPE, &at, &len, why);
    }
    if (status == LLM_E_NOT_FOUND) {
        return llm_refuse(
            why, "it carries no manifest (ELF note %s): no plugin, or compiled without LLM_MANIFEST()",
            LLM_NOTE_NAME);
    }
    if (status != LLM_OK) {
        return status;
    }
    char last = 'x';
    if (len > 0 && llm_elf_read(elf, at + len - 1, &last, 1) && last == '\0') {
        len--; // the literal's NUL
    }
    if (len > LLM_MAX_MANIFEST_BYTES) {
        return llm_refuse(why, "the manifest has %zu bytes, it may have %u: make it shorter", len,
                          LLM_MAX_MANIFEST_BYTES);
    }
    char *text = llm_arena_bytes(arena, len + 1);
    if (text == NULL) {
        return LLM_E_NOMEM;
    }
    if (!llm_elf_read(elf, at, text, len)) {
        return llm_refuse(why, "cannot read its manifest: copy the file again");
    }
    text[len] = '\0';
    *ret = (llm_str){text, len};
    return LLM_OK;
}

llm_status llm_inspect(int fd, const struct stat *st, const llm_host *host, struct llm_elf *scratch,
                       struct llm_arena *arena, struct llm_inspection *ret, struct llm_reason *why) {
    llm_status status = llm_ownership_check_file(st, why);
    if (status == LLM_OK) {
        status = llm_elf_open(scratch, fd, NULL, (uint64_t)st->st_size, why);
    }
    bool is_store = false;
    if (status == LLM_OK) {
        status = read_manifest(scratch, arena, &ret->text, &is_store, why);
    }
    if (status == LLM_OK) {
        status = llm_manifest_read(ret->text, host, &ret->manifest, why);
    }
    if (status == LLM_OK && is_store != (ret->manifest.store.ptr != NULL)) {
        status = llm_refuse(why, is_store ? "the manifest of a store has no \"store\": name it"
                                          : "the manifest of a provider plugin has \"store\": remove it, "
                                            "or write LLM_STORE_MANIFEST()");
    }
    if (status == LLM_OK) {
        status = llm_rules_check(scratch, &ret->manifest, &ret->uses_origin, why);
    }
    return status;
}
