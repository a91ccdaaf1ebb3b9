// SPDX-License-Identifier: MIT
//! chat: messages in, text out; as a stream, where the caller wants one.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("messages", "input"),
    ("temperature", "temperature"),
    ("max_tokens", "max_output"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/chat/completions", MEMBERS, wants_stream(job), &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let event = answer_json(data, out)?;
    if !state.finished {
        answer_text(json::get(event, "text"), out)?; // CHANGE: where the text and the reason for the end are
        answer_finish(state, json::get(event, "end"), out)?;
    }
    answer_usage(event, "input", "output", -1, out)?; // CHANGE: its names
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.chat\0");
pub static GENERATOR: Table<Generator> = generator(b"chat\0", b"chat\0", &FORMATS, &CODEC.0);
