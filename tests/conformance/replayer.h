// SPDX-License-Identifier: MIT
// Plays recordings through the library, by its public header alone, and through the program.
#ifndef LLM_TEST_REPLAYER_H
#define LLM_TEST_REPLAYER_H

#include "recording.h"

#define REPLAY_WHOLE SIZE_MAX
#define REPLAY_BYTES 0

struct replayer {
    llm_master *master;
    llm_transport transport;
    // of the run:
    const struct recording *recording;
    size_t cut;
    unsigned played;
};

// The plugins are those of the build; nothing of the environment or of the person's settings is read.
llm_status replayer_open(struct replayer *replayer, llm_error *err);
void replayer_close(struct replayer *replayer);

// The response as JSON, times left out; to be freed.  cut: REPLAY_WHOLE, REPLAY_BYTES (one by one), or where the body is cut in two.
char *replayer_run(struct replayer *replayer, const struct recording *recording, size_t cut);

// What `llm-master replay FOLDER` prints, times left out; to be freed.
char *replayer_command(const char *folder);

#endif
