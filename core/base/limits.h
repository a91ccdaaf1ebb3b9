// SPDX-License-Identifier: MIT
// Every maximum, in one table: name, value, reason.  Each has a test at it and one past it.
#ifndef LLM_BASE_LIMITS_H
#define LLM_BASE_LIMITS_H

#define LLM_MAX_JSON_DEPTH 64               // nesting of a request: deeper is an attack or a mistake
#define LLM_MAX_REQUEST_BYTES (256u << 20)  // a request body: images and audio travel in it as base64
#define LLM_MAX_REQUEST_FIELDS 256          // top-level members of a request
#define LLM_MAX_RESPONSE_BYTES (256u << 20) // decoded bytes of one answer
#define LLM_MAX_ERROR_BYTES (1u << 20)      // body of an answer that is not 2xx; the rest is cut off
#define LLM_MAX_EVENT_BYTES (64u << 20)     // one SSE event or line: images come in one
#define LLM_MAX_HEADER_BYTES (64u << 10)    // all header fields of an answer
#define LLM_MAX_HEADER_FIELDS 128           // header fields of an answer or a request
#define LLM_MAX_URL_BYTES 8192u             // longer ones are refused by many servers
#define LLM_MAX_KEY_BYTES 16384u            // a credential; OAuth tokens reach 4 KiB
#define LLM_MAX_KEYS 64u                    // keys of one provider
#define LLM_MAX_MODEL_BYTES 512u            // a model's name
#define LLM_MAX_TAG_BYTES 128u              // who asks: llm_query_args.tag
#define LLM_MAX_STEPS 4096u                 // exchanges of one attempt: an hour of polling each second
#define LLM_MAX_WAIT_MS 60000u              // one wait between two exchanges
#define LLM_MAX_SHARED_BYTES (64u << 20)    // an answer that calls under way share
#define LLM_MAX_CHOICES 128u                // choices of one answer
#define LLM_MAX_TOOL_CALLS 4096u            // tool calls of one answer
#define LLM_MAX_BLOBS 1024u                 // blobs of one answer
#define LLM_MAX_VECTORS 65536u              // vectors of one answer
#define LLM_MAX_WARNINGS 64u                // warnings of one call; later ones are counted only
#define LLM_MAX_MANIFEST_BYTES (64u << 10)  // a plugin's manifest
#define LLM_MAX_MANIFEST_DEPTH 16           // its nesting
#define LLM_MAX_PLUGIN_BYTES (256u << 20)   // a plugin file
#define LLM_MAX_NAME_BYTES 128u             // an id, a version, the name of a generator
#define LLM_MAX_GENERATORS 256u             // generators of one plugin
#define LLM_MAX_FORMATS 64u                 // formats of one generator
#define LLM_MAX_TABLE_BYTES 4096u           // a table of functions of a plugin: more is not a size
#define LLM_MAX_SETTINGS_BYTES (16u << 20)  // a settings or provider file
#define LLM_MAX_PLUGINS 4096u               // files looked at in all plugin directories
#define LLM_MAX_PROVIDERS 4096u             // providers, and files of one directory
#define LLM_MAX_PROVIDER_NAME_BYTES 63u     // a provider's name: it fits llm_error.provider
#define LLM_MAX_SOURCE_MEMBERS 256u         // members of a provider's or model's object
#define LLM_MAX_MODELS 65536u               // models of all providers
#define LLM_MAX_PREFIX_BYTES 64u            // a prefix of model names
#define LLM_MAX_USAGE_WORD_BYTES 64u        // a service tier, a size, a quality: longer is none
#define LLM_MAX_USAGE_COUNT (1ll << 60)     // tokens, images, ...: a few of them can be added
#define LLM_MAX_CATALOGUE_BYTES (16u << 20) // the file of the catalogue
#define LLM_MAX_CATALOGUE_LINE 65536u       // one entry of it, or its header
#define LLM_MAX_PRICE_RULES 256u            // prices under a condition of one model
#define LLM_MAX_METRIC_MODELS 256u          // models that metrics know by name; more are "other"
#define LLM_MAX_METRIC_SERIES 1024u         // labels that metrics hold: providers x operations x models
#define LLM_MAX_FACTS 32u                   // fields of a log record, attributes of a span
#define LLM_MAX_FACT_BYTES 512u             // the text of one of them
#define LLM_MAX_LOG_LINE_BYTES 4096u        // a line of the log
#define LLM_MAX_DEBUG_EXCHANGES 32u // exchanges in the debug record of one call; later ones are counted only
#define LLM_MAX_DEBUG_BODY_BYTES 8192u   // of each body in it
#define LLM_MAX_TAPE_EXCHANGES 256u      // exchanges of one call that are kept whole
#define LLM_MIN_LEDGER_ROWS 16u          // rows of the ledger in memory: "ledger.queue_rows"
#define LLM_MAX_LEDGER_ROWS 1048576u     // the same
#define LLM_MAX_LEDGER_BATCH 512u        // rows of one transaction
#define LLM_MAX_ROW_TEXT_BYTES 2560u     // all texts of a row
#define LLM_MAX_RETRY_AFTER_MS 86400000u // a day: longer advice is clamped
#define LLM_MAX_LIMITS 1024u             // limits in the settings: each bounded number is one
#define LLM_MAX_LIMIT_COUNTERS 8192u     // counters of limits ("each": one a distinct value): 6 MiB at most

#endif
