// SPDX-License-Identifier: MIT
//! image: a description in, images out.

use super::codec::*;
use super::json;
use super::llm_provider::*;
use core::ffi::c_char;

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("prompt", "prompt"),
    ("n", "n"),
    ("size", "size"),
    ("quality", "quality"),
];

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(request_json(job, "/images/generations", MEMBERS, false, &*req, &*out)).min(OK) } // CHANGE: the path
}

fn read(state: &mut State, data: &[u8], out: &Out) -> Answer<Status> {
    let answer = answer_json(data, out)?;
    let mut n = 0;
    for item in each(answer, "data") { // CHANGE: where the images are
        let mut room = [0u8; 2048];
        let base64 = plain(json::get(item, "b64_json"));
        let url = json::get(item, "url").and_then(|u| json::decode_into(u, &mut room)).unwrap_or(b"");
        if !base64.is_empty() {
            did((out.blob_base64)(out.ctx, n, b"".as_ptr(), 0, base64.as_ptr(), base64.len(), 1))?;
        } else if !url.is_empty() {
            did((out.blob_url)(out.ctx, n, b"".as_ptr(), 0, url.as_ptr(), url.len()))?;
        } else {
            return Err(E_PROTOCOL);
        }
        n += 1;
    }
    if n > 0 {
        state.finished = true;
        answer_usage(answer, "input_tokens", "output_tokens", i64::from(n), out)?; // CHANGE: its names
    }
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

static CODEC: Table<Codec> = Table(codec(encode, data));
static FORMATS: Table<[*const c_char; 2]> = format(b"openai.image\0");
pub static GENERATOR: Table<Generator> = generator(b"image\0", b"image\0", &FORMATS, &CODEC.0);
