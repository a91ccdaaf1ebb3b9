// SPDX-License-Identifier: MIT
// Vectors for codecs: what is asked, what must be sent, what comes back, what must be made of it.  One JSON array a file:
//
//   [{"name": "a sentence", "operation": "image", "model": "m", "stream": false, "format": "...", "base_url": "...",
//     "config": {the provider's JSON} | "config_file": "providers.d/x.json", "request": {...}, "attachments": [{"mime": "image/png", "name": "a.png", "text": "bytes"}],
//     "exchanges": [{"sent": "POST /images", "headers": ["accept: application/json"], "body": {...},
//                    "framing": "sse", "wait_ms": 500, "anonymous": true, "idempotent": true,
//                    "status": 200, "answer_headers": {"content-type": "..."}, "answer": {...} | "text" , "lines": ["a", "b"],
//                    "cut": true}],
//     "events": ["content \"Hi\"", "finish stop -"]}]
//
// Request and bodies are compared and sent byte for byte as they stand in the file (a string: what it says; "lines": each with \n).
// Members of an exchange that are left out are not compared; `body` absent: nothing may be sent.  `events`: codec_result_text().
#ifndef LLM_TEST_CODEC_VECTORS_H
#define LLM_TEST_CODEC_VECTORS_H

#include "codec_host.h"
#include "tap.h"

// Each vector: whole, byte by byte, at every split, with each allocation and each verb failing once.  One TAP line a vector.
void codec_vectors_run(struct tap *tap, const llm_provider_descriptor *plugin, const char *path);

#endif
