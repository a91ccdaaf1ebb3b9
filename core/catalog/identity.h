// SPDX-License-Identifier: MIT
// What a provider is, as a digest: when two are alike in it, they give the same answers to the same question.
#ifndef LLM_CATALOG_IDENTITY_H
#define LLM_CATALOG_IDENTITY_H

#include "base/sha256.h"

struct llm_provider;

struct llm_provider_identity {
    uint8_t bytes[LLM_SHA256_BYTES];
};

// Base URL, configuration, fields that are sent, plugin and its version; not its key.  Made once for each provider of a snapshot, whose
// plugin must be there.  Borrowed.  [any]
const struct llm_provider_identity *llm_provider_identify(struct llm_provider *provider, llm_sha256_fn sha);

#endif
