// SPDX-License-Identifier: MIT
// recraft.so: images and vectors by Recraft.  docs/recraft.md says what each operation takes and gives.
#include "recraft.h"

#include "manifest.h"

LLM_MANIFEST(RECRAFT_MANIFEST);

#define BASE_URL_MAX 2048

struct plugin {
    const llm_host *host;
};

static llm_status LLM_CALL init(const llm_host *host, void **plugin) {
    struct plugin *self = host->alloc(host->ctx, NULL, sizeof *self);
    if (self == NULL) {
        return LLM_E_NOMEM;
    }
    self->host = host;
    *plugin = self;
    return LLM_OK;
}

static void LLM_CALL shut_down(void *plugin) {
    struct plugin *self = plugin;
    if (self != NULL) {
        self->host->alloc(self->host->ctx, self, 0);
    }
}

static llm_status LLM_CALL instance_new(void *plugin, const llm_instance_args *args, llm_instance **ret,
                                        llm_str *message) {
    const llm_host *host = ((struct plugin *)plugin)->host;
    const llm_str billing = llm_json_get(llm_json_value(args->config), "billing");

    if (args->base_url.len > BASE_URL_MAX) {
        *message = recraft_str("\"base_url\" is longer than 2,048 bytes");
        return LLM_E_CONFIG;
    }
    if (billing.ptr != NULL && !llm_json_is(billing, "api") && !llm_json_is(billing, "subscription")) {
        *message = recraft_str("\"billing\" is \"api\" or \"subscription\", or left out");
        return LLM_E_CONFIG;
    }
    llm_instance *inst = host->alloc(host->ctx, NULL, sizeof *inst);
    if (inst == NULL) {
        *message = recraft_str("out of memory");
        return LLM_E_NOMEM;
    }
    *inst = (llm_instance){.host = host, .base_url = args->base_url, .billing = llm_json_plain(billing)};
    *ret = inst;
    return LLM_OK;
}

static void LLM_CALL instance_free(llm_instance *inst) {
    if (inst != NULL) {
        inst->host->alloc(inst->host->ctx, inst, 0);
    }
}

static void LLM_CALL job_close(llm_job *job) {
    job->host->alloc(job->host->ctx, job, 0);
}

static llm_status LLM_CALL job_open(llm_instance *inst, const llm_job_args *args, const llm_out *out,
                                    llm_job **ret) {
    const struct recraft_operation *operation = recraft_operation_find(args->operation);
    if (operation == NULL) {
        return LLM_E_UNSUPPORTED;
    }
    llm_job *job = inst->host->alloc(inst->host->ctx, NULL, sizeof *job);
    if (job == NULL) {
        return LLM_E_NOMEM;
    }
    *job = (llm_job){.host = inst->host, .instance = inst, .args = args, .operation = operation};
    const llm_status status = recraft_request_read(job, out);
    if (status < 0) {
        job_close(job);
        return status;
    }
    *ret = job;
    return LLM_OK;
}

static llm_status LLM_CALL job_encode(llm_job *job, const llm_step *step, const llm_http_request *req,
                                      const llm_out *out) {
    job->is_repeated = step->attempt > 0;
    job->is_answered = 0;
    return recraft_request_write(job, req, out);
}

static llm_status LLM_CALL job_data(llm_job *job, const llm_chunk *chunk, const llm_out *out) {
    const llm_status status = recraft_answer_read(job, chunk->data, out);
    job->is_answered = status == LLM_DONE;
    return status;
}

static llm_status LLM_CALL job_end(llm_job *job, llm_status transport, const llm_out *out) {
    (void)out;
    if (transport < 0) {
        return transport;
    }
    return job->is_answered ? LLM_DONE : LLM_E_PROTOCOL;
}

static llm_status LLM_CALL job_fail(llm_job *job, const llm_head *head, const llm_bytes *body,
                                    llm_fault *fault) {
    (void)head;
    recraft_fault_read(job, (llm_str){(const char *)body->ptr, body->len}, fault);
    return LLM_OK;
}

const llm_codec recraft_codec = {
    .size = (uint32_t)sizeof(llm_codec),
    .flags = LLM_CODEC_DETERMINISTIC,
    .open = job_open,
    .close = job_close,
    .encode = job_encode,
    .data = job_data,
    .end = job_end,
    .fail = job_fail,
};

static const llm_provider_descriptor descriptor = {
    .size = (uint32_t)sizeof(llm_provider_descriptor),
    .abi_minor = LLM_ABI_MINOR,
    .id = RECRAFT_ID,
    .version = RECRAFT_VERSION,
    .generators = recraft_generators,
    .init = init,
    .shutdown = shut_down,
    .instance_new = instance_new,
    .instance_free = instance_free,
};

LLM_EXPORT const llm_provider_descriptor *LLM_CALL LLM_ENTRY(void) {
    return &descriptor;
}
