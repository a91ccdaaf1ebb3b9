// SPDX-License-Identifier: MIT
#include "recraft.h"

#define IMAGE (TAKES_MODEL | TAKES_PROMPT)
#define EDIT (IMAGE | TAKES_IMAGE)

// files, answer, member, kind
#define IMAGES NULL, ANSWER_IMAGES, NULL, NULL
#define STYLED "style_reference_urls", ANSWER_IMAGES, NULL, NULL
#define STYLE_FROM_FILES "image_urls", ANSWER_JSON, NULL, "style"
#define ALL_AS(kind) NULL, ANSWER_JSON, NULL, kind
#define PART_AS(member, kind) NULL, ANSWER_JSON, member, kind
#define TEXT(member) NULL, ANSWER_TEXT, member, NULL
#define NOTHING NULL, ANSWER_NOTHING, NULL, NULL

// clang-format off
#define OPERATIONS(X) \
    X(image,      "image",                     "POST",   "/images/generations",        IMAGE, STYLED) \
    X(chat,       "chat",                      "POST",   "/images/generations",        IMAGE, STYLED) \
    X(raster,     "image.raster",              "POST",   "/images/generations/raster", IMAGE, STYLED) \
    X(vector,     "image.vector",              "POST",   "/images/generations/vector", IMAGE | MAKES_VECTORS, STYLED) \
    X(edit,       "image.edit",                "POST",   "/images/imageToImage",       EDIT | MAY_BE_INPAINT, IMAGES) \
    X(image2,     "image.image_to_image",      "POST",   "/images/imageToImage",       EDIT, IMAGES) \
    X(inpaint,    "image.inpaint",             "POST",   "/images/inpaint",            EDIT | TAKES_MASK, IMAGES) \
    X(outpaint,   "image.outpaint",            "POST",   "/images/outpaint",           EDIT, IMAGES) \
    X(replace,    "image.replace_background",  "POST",   "/images/replaceBackground",  EDIT, IMAGES) \
    X(background, "image.generate_background", "POST",   "/images/generateBackground", EDIT | TAKES_MASK, IMAGES) \
    X(variate,    "image.variate",             "POST",   "/images/variateImage",       TAKES_MODEL | TAKES_IMAGE, IMAGES) \
    X(explore,    "image.explore",             "POST",   "/images/explore",            IMAGE, IMAGES) \
    X(similar,    "image.explore_similar",     "POST",   "/images/explore/similar",    0, IMAGES) \
    X(vectorize,  "image.vectorize",           "POST",   "/images/vectorize",          TAKES_IMAGE | MAKES_VECTORS, IMAGES) \
    X(remove,     "image.remove_background",   "POST",   "/images/removeBackground",   TAKES_IMAGE, IMAGES) \
    X(crisp,      "image.crisp_upscale",       "POST",   "/images/crispUpscale",       TAKES_IMAGE, IMAGES) \
    X(creative,   "image.creative_upscale",    "POST",   "/images/creativeUpscale",    TAKES_IMAGE, IMAGES) \
    X(clarity,    "image.clarity_upscale",     "POST",   "/images/clarityUpscale",     TAKES_IMAGE, IMAGES) \
    X(generative, "image.generative_upscale",  "POST",   "/images/generativeUpscale",  TAKES_IMAGE, IMAGES) \
    X(erase,      "image.erase_region",        "POST",   "/images/eraseRegion",        TAKES_IMAGE | TAKES_MASK, IMAGES) \
    X(new_style,  "styles.create",             "POST",   "/styles",                    TAKES_MODEL, STYLE_FROM_FILES) \
    X(styles,     "styles.list",               "GET",    "/styles",                    0, PART_AS("styles", "styles")) \
    X(basic,      "styles.basic",              "GET",    "/styles/basic",              0, PART_AS("styles", "styles")) \
    X(get_style,  "styles.get",                "GET",    "/styles/",                   TAKES_STYLE_ID, ALL_AS("style")) \
    X(del_style,  "styles.delete",             "DELETE", "/styles/",                   TAKES_STYLE_ID, NOTHING) \
    X(enhance,    "prompt.enhance",            "POST",   "/prompts/enhance",           TAKES_PROMPT, TEXT("enhanced_prompt")) \
    X(colors,     "colors.optimize",           "POST",   "/colors/optimize",           0, PART_AS("mapping", "colors")) \
    X(account,    "account",                   "GET",    "/users/me",                  0, ALL_AS("account")) \
    X(models,     "models",                    "GET",    "/models",                    0, PART_AS("data", "models")) \
    X(status,     "status",                    "GET",    "/status",                    OUTSIDE_V1, ALL_AS("status")) \
    X(ping,       "ping",                      "GET",    "/ping",                      OUTSIDE_V1, NOTHING)
// clang-format on

#define ROW(id, name, method, path, takes, ...) {name, method, path, takes, __VA_ARGS__},
static const struct recraft_operation operations[] = {OPERATIONS(ROW)};

// Members of OpenAI's body that Recraft has not are translated or dropped, so each operation takes both.
static const char *const formats[] = {"openai.image", "openai.chat", "recraft", NULL};

#define GENERATOR(id, name, ...)                                                                             \
    static const llm_generator generator_##id = {                                                            \
        (uint32_t)sizeof(llm_generator), 0, name, name, formats, &recraft_codec, NULL};
OPERATIONS(GENERATOR)

#define ADDRESS(id, ...) &generator_##id,
const llm_generator *const recraft_generators[] = {OPERATIONS(ADDRESS) NULL};

const struct recraft_operation *recraft_operation_find(llm_str name) {
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (recraft_is(name, operations[i].name)) {
            return &operations[i];
        }
    }
    return NULL;
}
