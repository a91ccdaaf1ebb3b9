// SPDX-License-Identifier: MIT
// Which class a failure is of: this table, and before it the rules of the provider's file.
#include "openai_compat.h"

enum rule_kind {
    WORD,    // a machine's word: code, type or status
    BODY,    // the JSON of the failure
    MESSAGE, // the text for people
};

// Asked in this order: words that say exactly what it was, then what only the text tells, then words for wide classes.
struct rule {
    enum rule_kind kind;
    uint16_t status; // 0: any; 400: a bad request or one answered 404; 200: no status but that of an answer
    llm_status is;
    const char *pattern; // letters' case does not matter
};

static const struct rule rules[] = {
    {WORD, 413, LLM_E_TOO_LARGE,
     "rate_limit_exceeded"}, // larger than a minute's allowance: waiting is useless
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "context_length_exceeded"},
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "*context_size*"},
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "*context_window*"},
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "too_many_prompt_tokens"},
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "too_many_tokens"},
    {WORD, 0, LLM_E_CONTEXT_LENGTH, "prompt_too_long"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "content_filter*"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "*content_policy*"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "*_policy_violation"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "bio_policy"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "responsibleaipolicyviolation"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "moderation_blocked"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "invalid_prompt"},
    {WORD, 0, LLM_E_CONTENT_FILTER, "data*inspection*failed"},
    {WORD, 0, LLM_E_QUOTA, "*insufficient_quota*"},
    {WORD, 0, LLM_E_QUOTA, "*insufficient_balance*"},
    {WORD, 0, LLM_E_QUOTA, "*credit_balance*"},
    {WORD, 0, LLM_E_QUOTA, "*spend_limit*"},
    {WORD, 0, LLM_E_QUOTA, "*usage_limit_exceeded"},
    {WORD, 0, LLM_E_QUOTA, "billing*"},
    {WORD, 0, LLM_E_QUOTA, "exceeded_current_quota_error"},
    {WORD, 0, LLM_E_QUOTA, "payment_required"},
    {WORD, 0, LLM_E_QUOTA, "arrearage"},
    {WORD, 0, LLM_E_QUOTA, "allocationquota*"},
    {WORD, 0, LLM_E_AUTH, "*invalid_api_key*"},
    {WORD, 0, LLM_E_AUTH, "*incorrect_api_key*"},
    {WORD, 0, LLM_E_AUTH, "invalidapikey"},
    {WORD, 0, LLM_E_AUTH, "api_key_invalid"},
    {WORD, 0, LLM_E_AUTH, "*authentication_error"},
    {WORD, 0, LLM_E_AUTH, "authenticationerror"},
    {WORD, 0, LLM_E_AUTH, "unauthenticated"},
    {WORD, 0, LLM_E_AUTH, "unauthorized"},
    {WORD, 0, LLM_E_AUTH, "*token_expired"},
    {WORD, 0, LLM_E_NOT_FOUND, "model_not_found*"},
    {WORD, 0, LLM_E_NOT_FOUND, "model_not_available"},
    {WORD, 0, LLM_E_NOT_FOUND, "model_not_exist"},
    {WORD, 0, LLM_E_NOT_FOUND, "modelnotfound*"},
    {WORD, 0, LLM_E_NOT_FOUND, "deploymentnotfound"},
    {WORD, 0, LLM_E_NOT_FOUND, "unknown_model"},
    {WORD, 0, LLM_E_NOT_FOUND, "invalid_model"},
    {WORD, 0, LLM_E_NOT_FOUND, "model_decommissioned"},
    {WORD, 0, LLM_E_NOT_FOUND, "resource_not_found*"},
    {WORD, 0, LLM_E_NOT_FOUND, "not_found_error"},
    {WORD, 0, LLM_E_OVERLOADED, "*overloaded*"},
    {WORD, 0, LLM_E_OVERLOADED, "unavailable*"},
    {WORD, 0, LLM_E_OVERLOADED, "service_unavailable*"},
    {WORD, 0, LLM_E_OVERLOADED, "serviceunavailable*"},
    {WORD, 0, LLM_E_PERMISSION, "permission_*"},
    {WORD, 0, LLM_E_PERMISSION, "unsupported_country_region_territory"},
    {WORD, 0, LLM_E_PERMISSION, "*access_denied"},
    {WORD, 0, LLM_E_PERMISSION, "accessdenied*"},
    {WORD, 0, LLM_E_TOO_LARGE, "request_too_large"},
    {WORD, 0, LLM_E_TIMEOUT, "deadline_exceeded"},
    {WORD, 0, LLM_E_TIMEOUT, "timeout_error"},
    {WORD, 0, LLM_E_INVALID_REQUEST, "string_above_max_length"}, // of a name or an id as well as of a prompt
    {BODY, 0, LLM_E_CONTENT_FILTER, "*\"flagged_input\"*"},
    {BODY, 0, LLM_E_CONTENT_FILTER, "*\"ResponsibleAIPolicyViolation\"*"},
    {BODY, 0, LLM_E_QUOTA, "*\"quotaId\"*PerDay*"}, // clears at midnight, not in seconds
    {BODY, 0, LLM_E_QUOTA, "*\"enforced_spend_limit_reached\"*"},
    {BODY, 0, LLM_E_AUTH, "*\"API_KEY_INVALID\"*"},
    {WORD, 0, LLM_E_RATE_LIMITED, "resource_exhausted"},
    {WORD, 0, LLM_E_RATE_LIMITED, "ratelimitreached"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*maximum context length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*context length*exceed*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*exceed*context length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*exceed*context window*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*context window*exceed*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*exceed*context size*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*context size*exceed*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*loaded with context length of only*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*greater than the context length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*longer than the max*model*len*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*prompt*too long*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*prompt exceeds max length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*input*too long*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*input tokens exceeded*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*input token count*exceeds*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*inputs`*tokens*must*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*inputs` must have less than*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*max allowed tokens*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*maximum input length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*maximum prompt length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*exceeded model token limit*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*range of input length*"},
    {MESSAGE, 0, LLM_E_CONTEXT_LENGTH, "*reduce the length of the*"},
    {MESSAGE, 400, LLM_E_CONTEXT_LENGTH, "*too many tokens*"},
    {MESSAGE, 429, LLM_E_TOO_LARGE, "*request too large*tokens per min*"}, // as above, said with a 429
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*content management policy*"},
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*safety system*"},
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*flagged as potentially violating*"},
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*violat*usage polic*"},
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*inappropriate content*"},
    {MESSAGE, 0, LLM_E_CONTENT_FILTER, "*content moderated*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*insufficient balance*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*insufficient credits*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*requires more credits*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*credit balance is too low*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*all available credits*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*spending limit*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*specified api usage limits*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*exceeded your current quota*billing*"},
    {MESSAGE, 0, LLM_E_QUOTA, "*billing hard limit*"},
    {MESSAGE, 0, LLM_E_AUTH, "*incorrect api key*"},
    {MESSAGE, 0, LLM_E_AUTH, "*invalid api key*"},
    {MESSAGE, 0, LLM_E_AUTH, "*api key not valid*"},
    {MESSAGE, 0, LLM_E_AUTH, "*api key*expired*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*model*does not exist*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*model not exist*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*model*not found*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "model*is not supported. supported models are*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*not a valid model*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "invalid model*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*unknown model*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*model identifier is invalid*"},
    {MESSAGE, 400, LLM_E_NOT_FOUND, "*has been decommissioned*"},
    {MESSAGE, 200, LLM_E_NOT_FOUND, "*unexpected endpoint*"},
    {MESSAGE, 0, LLM_E_OVERLOADED, "*is overloaded*"},
    {MESSAGE, 0, LLM_E_OVERLOADED, "*currently overloaded*"},
    {MESSAGE, 0, LLM_E_OVERLOADED, "*loading model*"},
    {MESSAGE, 200, LLM_E_RATE_LIMITED, "*rate limit*"},
    {MESSAGE, 200, LLM_E_RATE_LIMITED, "*too many requests*"},
    {WORD, 0, LLM_E_RATE_LIMITED, "*rate_limit*"},
    {WORD, 0, LLM_E_RATE_LIMITED, "slow_down"},
    {WORD, 0, LLM_E_RATE_LIMITED, "too_many_requests"},
    {WORD, 0, LLM_E_RATE_LIMITED, "throttling*"},
    {WORD, 200, LLM_E_SERVER, "*server_error"},
    {WORD, 200, LLM_E_SERVER, "api_error"},
    {WORD, 200, LLM_E_SERVER, "internal*"},
    {WORD, 200, LLM_E_INVALID_REQUEST, "invalid_request_error"},
    {WORD, 200, LLM_E_INVALID_REQUEST, "badrequesterror"},
};

static llm_status from_number(int64_t number) {
    switch (number) {
    case 400:
    case 422: return LLM_E_INVALID_REQUEST;
    case 401: return LLM_E_AUTH;
    case 402: return LLM_E_QUOTA;
    case 403: return LLM_E_PERMISSION;
    case 404: return LLM_E_NOT_FOUND;
    case 408:
    case 504: return LLM_E_TIMEOUT;
    case 409: return LLM_E_CONFLICT;
    case 413: return LLM_E_TOO_LARGE;
    case 429: return LLM_E_RATE_LIMITED;
    case 503:
    case 529: return LLM_E_OVERLOADED;
    default: return number >= 500 ? LLM_E_SERVER : LLM_E_INVALID_REQUEST;
    }
}

static bool matches(const char *pattern, llm_str text) {
    return text.ptr != NULL && oai_glob((llm_str){pattern, strlen(pattern)}, text, true);
}

// The status that counts: of an answer the one inside, where there is one.
static int64_t status_of(const struct oai_failure *f) {
    return f->status < 400 && f->number != 0 ? f->number : f->status;
}

static bool rule_fits(const struct rule *rule, const struct oai_failure *f) {
    const int64_t status = status_of(f);
    const bool bad_request = status == 400 || status == 404 || status == 422 || status < 400;
    if (rule->status != 0 && rule->status != status && !(rule->status == 400 && bad_request)) {
        return false;
    }
    switch (rule->kind) {
    case BODY: return matches(rule->pattern, f->body);
    case MESSAGE: return matches(rule->pattern, f->message) || matches(rule->pattern, f->inner_message);
    default: return matches(rule->pattern, f->code) || matches(rule->pattern, f->type);
    }
}

/* ---- the provider's own rules ---------------------------------------------------------------------------------------- */

static const char *const class_names[] = {
    "invalid_request", "auth",           "permission",   "not_found", "conflict",    "too_large",
    "context_length",  "content_filter", "rate_limited", "quota",     "overloaded",  "server_error",
    "timeout",         "transport",      "protocol",     "cancelled", "unsupported", "config"};

static llm_status class_of(llm_str word) {
    for (size_t i = 0; i < sizeof class_names / sizeof class_names[0]; i++) {
        if (oai_is(word, class_names[i])) {
            return -(llm_status)i - 1;
        }
    }
    return LLM_OK;
}

const char *oai_error_rules_check(llm_str own) {
    if (own.ptr != NULL && llm_json_type(own) != '[') {
        return "quirks: an array of rules is needed";
    }
    llm_json_iter it = oai_begin(own);
    while (oai_next(&it)) {
        const llm_str retry = oai_get(it.value, "retry");
        if (class_of(oai_get(it.value, "is")) == LLM_OK) {
            return "quirks: a rule whose \"is\" is no name of an error code";
        }
        if (retry.ptr != NULL && !oai_is(retry, "never") && !oai_is(retry, "safe")) {
            return "quirks: a rule whose \"retry\" is neither never nor safe";
        }
    }
    return NULL;
}

// A member of a rule that is absent fits everything.
static bool own_fits(llm_str rule, const char *member, llm_str text) {
    const llm_str pattern = oai_get(rule, member);
    char decoded[256];
    if (pattern.ptr == NULL) {
        return true;
    }
    const size_t n = llm_json_decode(pattern, decoded, sizeof decoded);
    return n != SIZE_MAX && text.ptr != NULL && oai_glob((llm_str){decoded, n}, text, true);
}

static bool own_rule(const llm_job *job, const struct oai_failure *f, llm_fault *fault) {
    llm_json_iter it = oai_begin(job->inst->error_rules);
    while (oai_next(&it)) {
        int64_t status = status_of(f);
        (void)oai_int64(oai_get(it.value, "status"), &status);
        if (status == status_of(f) && own_fits(it.value, "code", f->code) &&
            own_fits(it.value, "type", f->type) && own_fits(it.value, "message", f->message)) {
            const llm_str retry = oai_get(it.value, "retry");
            fault->code = class_of(oai_get(it.value, "is"));
            fault->retry = oai_is(retry, "never")  ? LLM_RETRY_NEVER
                           : oai_is(retry, "safe") ? LLM_RETRY_SAFE
                                                   : fault->retry;
            return true;
        }
    }
    return false;
}

void oai_classify(const llm_job *job, const struct oai_failure *f, llm_fault *fault) {
    if (own_rule(job, f, fault)) {
        return;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rule_fits(&rules[i], f)) {
            fault->code = rules[i].is;
            return;
        }
    }
    // A gateway's 200 or 502 around another server's answer: the number inside says more.
    if (f->number >= 400 && f->number <= 599 && (f->status < 400 || f->status >= 500)) {
        fault->code = from_number(f->number);
    } else if (f->status < 400) {
        fault->code = LLM_E_SERVER;
    }
}
