// SPDX-License-Identifier: MIT
// What the plugin "keeper" keeps for a provider.
#ifndef LLM_TEST_KEEPER_H
#define LLM_TEST_KEEPER_H

#include "llm_provider.h"

struct llm_instance {
    const llm_instance_args *args;
};

#endif
