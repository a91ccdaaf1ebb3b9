// SPDX-License-Identifier: MIT
//! completions: a prompt in, the text that goes on from it out; the form that came before chat.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("prompt", "prompt"),
    ("suffix", "suffix"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("max_tokens", "max_tokens"),
    ("stop", "stop"),
    ("seed", "seed"),
    ("echo", "echo"),
    ("logprobs", "logprobs"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/completions", MEMBERS, wants_stream(job), &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let event = answer_json(data, out)?;
    let choice = json::path(event, &["choices", "0"]).unwrap_or(b"{}"); // CHANGE: where the text is
    if !state.finished {
        answer_text(json::get(choice, "text"), out)?;
        answer_finish(state, json::get(choice, "finish_reason"), out)?;
    }
    answer_usage(event, "prompt_tokens", "completion_tokens", -1, out)?; // CHANGE: its names
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.completions\0");
pub static GENERATOR: Table<Generator> = generator(b"completions\0", b"completions\0", &FORMATS, &CODEC.0);
