// SPDX-License-Identifier: MIT
//! embeddings: texts in, a vector for each out.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("input", "input"),
    ("dimensions", "dimensions"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/embeddings", MEMBERS, false, &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let answer = answer_json(data, out)?;
    for (index, item) in each(answer, "data").enumerate() { // CHANGE: where the vectors are
        let vector = json::get(item, "embedding").filter(|v| v[0] == b'[').ok_or(E_PROTOCOL)?;
        did((out.vector_json)(out.ctx, index as u32, vector.as_ptr(), vector.len()))?; // as it was sent: nothing is rounded
        state.finished = true;
    }
    answer_usage(answer, "prompt_tokens", "", -1, out)?; // CHANGE: its name
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.embeddings\0");
pub static GENERATOR: Table<Generator> = generator(b"embeddings\0", b"embeddings\0", &FORMATS, &CODEC.0);
