// SPDX-License-Identifier: MIT
//! rerank: a question and documents in, the order in which they answer it out.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("query", "query"),
    ("documents", "documents"),
    ("top_n", "top_n"),
    ("return_documents", "return_documents"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/rerank", MEMBERS, false, &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let answer = answer_json(data, out)?;
    if let Some(list) = json::get(answer, "results").filter(|l| l[0] == b'[') { // CHANGE: where it is
        did((out.json)(out.ctx, b"ranking".as_ptr(), 7, list.as_ptr(), list.len()))?; // as it was sent
        state.finished = true;
    }
    answer_usage(answer, "total_tokens", "", -1, out)?; // CHANGE: its name
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.rerank\0");
pub static GENERATOR: Table<Generator> = generator(b"rerank\0", b"rerank\0", &FORMATS, &CODEC.0);
