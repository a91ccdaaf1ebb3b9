// SPDX-License-Identifier: MIT
// A file that somebody calls a plugin: everything that is read before it is loaded.
#include <stdlib.h>

#include "plugin/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct llm_elf elf;
    static const llm_host host = {.size = sizeof host};
    struct llm_reason why;
    struct llm_manifest manifest;
    uint64_t at = 0;
    size_t len = 0;
    bool uses_origin = false;
    if (llm_elf_open(&elf, -1, data, size, &why) != LLM_OK ||
        llm_elf_note(&elf, LLM_NOTE_NAME, LLM_NOTE_TYPE, &at, &len, &why) != LLM_OK) {
        return 0;
    }
    char *text = malloc(len + 1);
    if (text == NULL) {
        abort();
    }
    if (!llm_elf_read(&elf, at, text, len)) {
        abort(); // the note lies within the file
    }
    text[len] = '\0';
    const llm_str json = {text, len > 0 && text[len - 1] == '\0' ? len - 1 : len};
    if (llm_manifest_read(json, &host, &manifest, &why) == LLM_OK) {
        (void)llm_rules_check(&elf, &manifest, &uses_origin, &why);
    }
    free(text);
    return 0;
}
