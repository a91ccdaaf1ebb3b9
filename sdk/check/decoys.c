// SPDX-License-Identifier: MIT
// Names that plugins and the libraries inside them use, exported by this program: whoever calls one of these has not bound its own.
#include <stdlib.h>

extern const int check_decoys_here;
const int check_decoys_here = 1;

#define DECOY(name)                                                                                          \
    void name(void);                                                                                         \
    void name(void) {                                                                                        \
        abort();                                                                                             \
    }

DECOY(cJSON_Parse)
DECOY(cJSON_ParseWithOpts)
DECOY(cJSON_ParseWithLength)
DECOY(cJSON_ParseWithLengthOpts)
DECOY(cJSON_Delete)
DECOY(cJSON_GetObjectItem)
DECOY(cJSON_GetObjectItemCaseSensitive)
DECOY(cJSON_Print)
DECOY(cJSON_PrintUnformatted)
DECOY(cJSON_CreateObject)
DECOY(json_parse)
DECOY(json_object_get)
DECOY(yyjson_read_opts)
DECOY(jsmn_parse)
DECOY(sha256)
DECOY(md5)
DECOY(inflate)
DECOY(deflate)
DECOY(base64_encode)
DECOY(base64_decode)
DECOY(encode)
DECOY(decode)
DECOY(parse)
DECOY(config_read)
DECOY(text_of)
