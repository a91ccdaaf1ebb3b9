// SPDX-License-Identifier: MIT
#include "gallery.h"

#define llm_note_v1_ second_note
LLM_MANIFEST(
    "{\"manifest\": 1, \"id\": \"org.example.second\", \"version\": \"1.0.0\", \"abi\": {\"major\": 1}}");
