// SPDX-License-Identifier: MIT
// Linked without -z defs.
#include "llm_provider.h"

const char *llm_version(void);
static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    (void)host;
    (void)plugin;
    return llm_version() != NULL ? LLM_OK : LLM_E_INTERNAL;
}
#define GALLERY_INIT init
#include "gallery.h"
