// SPDX-License-Identifier: MIT
#include "llm_provider.h"

static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    (void)host;
    (void)plugin;
    return LLM_E_CONFIG;
}
#define GALLERY_INIT init
#include "gallery.h"
