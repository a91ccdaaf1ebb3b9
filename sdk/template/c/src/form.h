// SPDX-License-Identifier: MIT
// Requests that are forms (multipart/form-data): files travel beside the fields.
#ifndef FORM_H
#define FORM_H

#include "codec.h"

// A POST of a form: the model, the members of the table, then each attachment as a file; part: the name of its part.  An array becomes
// one field for each element, called name[]; an object its JSON text.
llm_status request_form(llm_job *job, const char *path, const struct member *members,
                        const char *(*part)(const llm_attachment *attachment), const llm_http_request *req,
                        const llm_out *out);

#endif
