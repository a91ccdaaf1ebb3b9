// SPDX-License-Identifier: MIT
#include "llm_provider.h"

static llm_status LLM_CALL instance_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                        llm_str *message) {
    (void)plugin;
    (void)args;
    (void)ret;
    (void)message;
    return LLM_OK;
}
#define GALLERY_INSTANCE_NEW instance_new
#include "gallery.h"
