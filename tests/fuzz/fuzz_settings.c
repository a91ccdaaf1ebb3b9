// SPDX-License-Identifier: MIT
// Any text as settings: it is refused with a message, or gives settings that can be shown.
#include "config/settings.h"

#include <stdlib.h>

#include "llm_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    llm_master_options options = LLM_MASTER_OPTIONS_INIT;
    struct llm_settings settings;
    llm_error err = LLM_ERROR_INIT;
    char *text = malloc(size + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    options.flags = LLM_MASTER_NO_ENVIRONMENT | LLM_MASTER_NO_CONFIG | LLM_MASTER_NO_DEFAULT_DIRS;
    options.settings = text;
    if (llm_settings_read(&options, &settings, &err) != LLM_OK) {
        if (err.message[0] == '\0') {
            abort();
        }
        free(text);
        return 0;
    }
    for (size_t i = 0; i < settings.n_origins; i++) {
        if (!llm_json_check(settings.origins[i].value, 64, NULL)) {
            abort();
        }
    }
    llm_settings_done(&settings);
    free(text);
    return 0;
}
