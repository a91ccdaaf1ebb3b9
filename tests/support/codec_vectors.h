// SPDX-License-Identifier: MIT
// The vectors of sdk/check/vectors.h as tests.
#ifndef LLM_TEST_CODEC_VECTORS_H
#define LLM_TEST_CODEC_VECTORS_H

#include "tap.h"
#include "vectors.h"

// Each vector of the file: codec_vector_run().  One TAP line a vector.
void codec_vectors_run(struct tap *tap, const llm_provider_descriptor *plugin, const char *path);

#endif
