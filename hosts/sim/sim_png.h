// SPDX-License-Identifier: MIT
// A small picture, made when it is asked for: the same seed gives the same bytes.
#ifndef LLM_SIM_PNG_H
#define LLM_SIM_PNG_H

#include "host_text.h"

#define LLM_SIM_PNG_SIDE 32u // pixels

// Append a valid PNG of LLM_SIM_PNG_SIDE squared, 8 bits RGB.
void llm_sim_png(struct host_text *buf, uint32_t seed);

// Append an SVG of the same picture.
void llm_sim_svg(struct host_text *buf, uint32_t seed);

#endif
