// SPDX-License-Identifier: MIT
// Linked without -z defs.
#include "llm_provider.h"

llm_status gallery_missing(void);
static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    (void)host;
    (void)plugin;
    return gallery_missing();
}
#define GALLERY_INIT init
#include "gallery.h"
