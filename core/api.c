// SPDX-License-Identifier: MIT
// What belongs to no module: the blocking query, and odds and ends of the public header.
#include "llm_master.h"

#include "base/error.h"
#include "base/mem.h"
#include "call/call.h"

const char *llm_version(void) {
    return LLM_MASTER_VERSION;
}

void llm_free(void *p) {
    llm_mem_free(p);
}

llm_status llm_query(llm_master *master, const llm_query_args *args, llm_response **ret_response,
                     llm_error *err) {
    struct llm_loop *loop;
    struct llm_call *call;
    if (args == NULL || args->size < LLM_END(llm_query_args, ctx)) {
        return llm_fail(err, LLM_E_INVALID_REQUEST,
                        "llm_query_args.size is not set: begin it with LLM_QUERY_INIT");
    }
    llm_query_args own = *args;
    own.size = (uint32_t)sizeof own;
    // The caller waits: what it gave stays valid.
    own.flags |= LLM_QUERY_COLLECT | LLM_QUERY_BORROW;
    llm_status status = llm_loop_take(master, &loop, err);
    if (status != LLM_OK) {
        return status;
    }
    status = llm_call_new(loop, &own, LLM_DELIVER_CALLBACK, &call, err);
    if (status != LLM_OK) {
        llm_loop_give(loop);
        return status;
    }
    call->kept = true;
    while (!call->ended) {
        (void)llm_loop_run(loop, -1);
    }
    status = call->response->error.status;
    if (status != LLM_OK) {
        llm_error_copy(err, &call->response->error);
    }
    if (ret_response != NULL) {
        (void)llm_call_response(call, ret_response);
    }
    call->kept = false;
    llm_call_free(call);
    llm_loop_give(loop);
    return status;
}
