// SPDX-License-Identifier: MIT
// 03_tools: offer a tool to the model and take the call that it makes.  Teaches: a request body of one's own, tool events.
//
// The body is the JSON of the OpenAI endpoint, whatever provider the model is at; members that the library does not know
// travel as they are.  Arguments arrive in fragments: put them together and read them as JSON at the end.
//
//     ./tools [MODEL]
#include <llm_master.h>
#include <stdio.h>
#include <string.h>

static const char body[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"What is the weather in Paris?\"}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"get_weather\","
    "  \"description\": \"The weather at a place, now\","
    "  \"parameters\": {\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\"}}, "
    "\"required\": [\"city\"]}}}]}";

struct tool_call {
    char id[64], name[64], arguments[1024];
};

static void append(char *text, size_t size, llm_str piece) {
    const size_t used = strlen(text);
    if (piece.len > 0 && piece.len < size - used) { // an absent one has no pointer
        memcpy(text + used, piece.ptr, piece.len);
        text[used + piece.len] = '\0';
    }
}

// Calls are told apart by event->index; this example takes the first one.
static llm_status on_event(void *ctx, llm_call *call, const llm_event *event) {
    struct tool_call *tool = ctx;
    (void)call;
    if (event->type == LLM_EVENT_TOOL && event->index == 0) {
        append(tool->id, sizeof tool->id, event->id);       // the id and the name come once,
        append(tool->name, sizeof tool->name, event->name); // with the first fragment
        append(tool->arguments, sizeof tool->arguments, event->text);
    }
    return LLM_OK;
}

int main(int argc, char **argv) {
    llm_error err = LLM_ERROR_INIT;
    llm_master *master = NULL;
    struct tool_call tool = {"", "", ""};
    const llm_query_args query = {
        .size = LLM_QUERY_INIT,
        .flags = LLM_QUERY_STREAM,
        .model = argc > 1 ? argv[1] : NULL,
        .body = {body, sizeof body - 1},
        .on_event = on_event,
        .ctx = &tool,
    };

    llm_status status = llm_master_new(NULL, &master, &err);
    if (status == LLM_OK) {
        status = llm_query(master, &query, NULL, &err);
    }
    if (status != LLM_OK) {
        fprintf(stderr, "%s: %s\n", llm_status_name(status), err.message);
    } else if (tool.name[0] != '\0') {
        printf("%s %s(%s)\n", tool.id, tool.name, tool.arguments);
        // Run the tool now; then ask again with the assistant's tool_calls and a message of role "tool" appended.
    } else {
        printf("the model called no tool\n");
    }
    llm_master_free(master);
    return status == LLM_OK ? 0 : 1;
}
