// SPDX-License-Identifier: MIT
#include "llm_provider.h"

static llm_status LLM_CALL instance_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                        llm_str *message) {
    (void)plugin;
    (void)args;
    (void)ret;
    *message = (llm_str){"the gallery is closed", 21};
    return LLM_E_CONFIG;
}
static void LLM_CALL instance_free(llm_instance *inst) {
    (void)inst;
}
#define GALLERY_INSTANCE_NEW instance_new
#define GALLERY_INSTANCE_FREE instance_free
#include "gallery.h"
