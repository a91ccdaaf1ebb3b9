// SPDX-License-Identifier: MIT
// What is known of the plugin without running it.
#ifndef RECRAFT_MANIFEST_H
#define RECRAFT_MANIFEST_H

#define RECRAFT_ID "org.llm-master.recraft"
#define RECRAFT_VERSION "0.1.0"

// The text of the tokens between the brackets.
#define JSON(...) #__VA_ARGS__

// Prices as in Recraft's manual; the credits that an answer states go before them.
// clang-format off
#define RECRAFT_MANIFEST JSON({ \
    "manifest": 1, "id": "org.llm-master.recraft", "version": "0.1.0", \
    "name": "Recraft", "license": "MIT", "homepage": "https://www.recraft.ai/docs", \
    "abi": {"major": 1, "minor": 0}, \
    "generators": { \
                   "image": "image", "chat": "chat", "image.raster": "image.raster", \
                   "image.vector": "image.vector", "image.edit": "image.edit", \
                   "image.image_to_image": "image.image_to_image", "image.inpaint": "image.inpaint", \
                   "image.outpaint": "image.outpaint", \
                   "image.replace_background": "image.replace_background", \
                   "image.generate_background": "image.generate_background", \
                   "image.variate": "image.variate", "image.explore": "image.explore", \
                   "image.explore_similar": "image.explore_similar", \
                   "image.vectorize": "image.vectorize", \
                   "image.remove_background": "image.remove_background", \
                   "image.crisp_upscale": "image.crisp_upscale", \
                   "image.creative_upscale": "image.creative_upscale", \
                   "image.clarity_upscale": "image.clarity_upscale", \
                   "image.generative_upscale": "image.generative_upscale", \
                   "image.erase_region": "image.erase_region", "styles.create": "styles.create", \
                   "styles.list": "styles.list", "styles.basic": "styles.basic", \
                   "styles.get": "styles.get", "styles.delete": "styles.delete", \
                   "prompt.enhance": "prompt.enhance", "colors.optimize": "colors.optimize", \
                   "account": "account", "models": "models", "status": "status", "ping": "ping"}, \
    "providers": [{ \
        "name": "recraft", "title": "Recraft", "base_url": "https://external.api.recraft.ai/v1", \
        "auth": {"scheme": "bearer", "key_env": ["RECRAFT_API_TOKEN", "RECRAFT_API_KEY"]}, \
        "origins": ["https://*.recraft.ai"], "prefixes": ["recraft"], \
        "generate_map": {"*": "image"}, \
        "models": [ \
                    {"id": "recraftv4_1", "operation": ["image", "chat"], "per_image": "0.035"}, \
                    {"id": "recraftv4_1_vector", "operation": ["image", "chat"], "per_image": "0.08"}, \
                    {"id": "recraftv4_1_pro", "operation": ["image", "chat"], "per_image": "0.21"}, \
                    {"id": "recraftv4_1_utility", "operation": ["image", "chat"], "per_image": "0.035"}, \
                    {"id": "recraftv4_1_utility_vector", "operation": ["image", "chat"], "per_image": "0.08"}, \
                    {"id": "recraftv4_1_utility_pro", "operation": ["image", "chat"], "per_image": "0.21"}, \
                    {"id": "recraftv4", "operation": ["image", "chat"], "per_image": "0.04"}, \
                    {"id": "recraftv4_vector", "operation": ["image", "chat"], "per_image": "0.08"}, \
                    {"id": "recraftv4_pro", "operation": ["image", "chat"], "per_image": "0.25"}, \
                    {"id": "recraftv4_pro_vector", "operation": ["image", "chat"], "per_image": "0.3"}, \
                    {"id": "recraftv3", "operation": ["image", "chat"], "per_image": "0.04"}, \
                    {"id": "recraftv3_vector", "operation": ["image", "chat"], "per_image": "0.08"}, \
                    {"id": "recraftv2", "operation": ["image", "chat"], "per_image": "0.022"}, \
                    {"id": "recraftv2_vector", "operation": ["image", "chat"], "per_image": "0.044"}, \
                    {"id": "recraft_vectorize", "operation": "image.vectorize", "per_image": "0.01"}, \
                    {"id": "recraft_remove_background", "operation": "image.remove_background", "per_image": "0.01"}, \
                    {"id": "recraft_crisp_upscale", "operation": "image.crisp_upscale", "per_image": "0.004"}, \
                    {"id": "recraft_creative_upscale", "operation": "image.creative_upscale", "per_image": "0.25"}, \
                    {"id": "recraft_erase_region", "operation": "image.erase_region", "per_image": "0.002"}]}]})
// clang-format on

#endif
