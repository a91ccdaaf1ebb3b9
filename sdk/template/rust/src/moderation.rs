// SPDX-License-Identifier: MIT
//! moderation: texts in, what is wrong with each out.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("input", "input"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/moderations", MEMBERS, false, &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let answer = answer_json(data, out)?;
    if let Some(list) = json::get(answer, "results").filter(|l| l[0] == b'[') { // CHANGE: where it is
        did((out.json)(out.ctx, b"moderation".as_ptr(), 10, list.as_ptr(), list.len()))?; // as it was sent
        state.finished = true;
    }
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.moderation\0");
pub static GENERATOR: Table<Generator> = generator(b"moderation\0", b"moderation\0", &FORMATS, &CODEC.0);
