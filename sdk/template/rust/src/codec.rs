// SPDX-License-Identifier: MIT
//! What the operations share.
#![allow(dead_code)] // each operation uses some of it

use super::json;
use super::llm_provider::*;
use core::ffi::{c_char, c_void};
use core::ptr::null;

/// What lives from open() to close(); its memory is the host's.
pub struct State {
    pub args: *const JobArgs, // valid until close()
    pub finished: bool,       // the answer said that it is complete
}

/// Ok, or why not; for the end of a stream Err(DONE): what is returned to the host at once.
pub type Answer<T> = Result<T, Status>;

pub fn status_of(result: Answer<Status>) -> Status {
    result.unwrap_or_else(|status| status)
}

/// A verb that refuses ends the function: its status is returned as it is.
pub fn did(status: Status) -> Answer<Status> {
    if status < 0 { Err(status) } else { Ok(status) }
}

// ---- parts of a codec ------------------------------------------------------------------------------------------------

pub extern "C" fn open(_inst: *mut Instance, args: *const JobArgs, _out: *const Out, ret: *mut *mut Job) -> Status {
    unsafe {
        let memory = ((*args).alloc)((*args).alloc_ctx, core::mem::size_of::<State>()) as *mut State;
        if memory.is_null() {
            return E_NOMEM;
        }
        memory.write(State { args, finished: false });
        *ret = memory as *mut Job;
    }
    OK
}

pub extern "C" fn close(_job: *mut Job) {}

/// An answer that was cut off is an error, never an answer.
pub extern "C" fn end(job: *mut Job, transport: Status, _out: *const Out) -> Status {
    let finished = unsafe { (*(job as *mut State)).finished };
    if finished { DONE } else if transport < 0 { transport } else { E_PROTOCOL }
}

/// A status of 400 and above: the host has filled the fault from it; the body knows better.
pub extern "C" fn fail(job: *mut Job, _head: *const Head, body: *const Str, said: *mut Fault) -> Status {
    unsafe {
        let args = &*(*(job as *mut State)).args;
        let Some(error) = json::value((*body).bytes()).and_then(|v| json::get(v, "error")) else {
            return OK; // HTML, nothing, ...: what the host made of the status stands
        };
        if let Some(message) = json::get(error, "message") {
            let copy = (args.alloc)(args.alloc_ctx, message.len()) as *mut u8; // lives until close()
            if copy.is_null() {
                return E_NOMEM;
            }
            let room = core::slice::from_raw_parts_mut(copy, message.len());
            if let Some(text) = json::decode_into(message, room) {
                (*said).message = Str::new(text);
            }
        }
        match plain(json::get(error, "code")) { // CHANGE: the provider's codes
            b"context_length_exceeded" => (*said).code = E_CONTEXT_LENGTH,
            b"insufficient_quota" => (*said).code = E_QUOTA,
            _ => {}
        }
    }
    OK
}

/// The table of an operation; what is not given is as above.
pub const fn codec(encode: Encode, data: Data) -> Codec {
    Codec { size: core::mem::size_of::<Codec>() as u32, flags: CODEC_DETERMINISTIC, open, close, encode, head: None, data, end, fail: Some(fail) }
}

/// Names and formats end with a NUL.
pub const fn generator(name: &'static [u8], operation: &'static [u8], formats: &'static Table<[*const c_char; 2]>, codec: &'static Codec) -> Table<Generator> {
    Table(Generator {
        size: core::mem::size_of::<Generator>() as u32,
        flags: 0,
        name: name.as_ptr() as *const c_char,
        operation: operation.as_ptr() as *const c_char,
        formats: &formats.0 as *const _,
        codec,
        generate: null::<c_void>(),
    })
}

pub const fn format(name: &'static [u8]) -> Table<[*const c_char; 2]> {
    Table([name.as_ptr() as *const c_char, null()])
}

// ---- requests ---------------------------------------------------------------------------------------------------------

/// A POST of JSON: the model, the members of the table (ours, theirs) as the caller wrote them, "stream" if `stream`.  What is not in
/// the table is reported with a warning: nothing is dropped silently.
pub unsafe fn request_json(job: *mut Job, path: &str, members: &[(&str, &str)], stream: bool, req: &HttpRequest, out: &Out) -> Answer<Status> {
    let args = &*(*(job as *mut State)).args;
    let put = |text: &[u8]| did((req.body)(req.ctx, text.as_ptr(), text.len()));
    did((req.line)(req.ctx, b"POST".as_ptr(), 4, path.as_ptr(), path.len()))?;
    did((req.header)(req.ctx, b"content-type".as_ptr(), 12, b"application/json".as_ptr(), 16))?;
    if stream {
        did((req.framing)(req.ctx, FRAME_SSE))?;
    }
    put(b"{\"model\":\"")?;
    for piece in args.model.bytes().chunks(1) {
        if piece[0] < b' ' {
            return Err(E_INVALID_REQUEST);
        }
        if matches!(piece, b"\\" | b"\"") {
            put(b"\\")?;
        }
        put(piece)?;
    }
    put(b"\"")?;
    let fields = if args.n_fields == 0 { &[] } else { core::slice::from_raw_parts(args.fields, args.n_fields) };
    for field in fields {
        let name = field.name.bytes();
        if matches!(name, b"model" | b"stream" | b"stream_options") {
            continue; // written here, or not at all
        }
        match members.iter().find(|m| m.0.as_bytes() == name) {
            Some((_, theirs)) => {
                put(b",\"")?;
                put(theirs.as_bytes())?;
                put(b"\":")?;
                put(field.value.bytes())?; // byte for byte as the caller wrote it
            }
            None => {
                let (code, text) = ("param_dropped", "@title@ does not take it");
                did((out.warn)(out.ctx, code.as_ptr(), code.len(), name.as_ptr(), name.len(), text.as_ptr(), text.len()))?;
            }
        }
    }
    put(if stream { b",\"stream\":true}" } else { b"}" })
}

/// The caller wants the answer as it is made.
pub unsafe fn wants_stream(job: *mut Job) -> bool {
    (*(*(job as *mut State)).args).flags & JOB_STREAM != 0
}

// ---- answers ----------------------------------------------------------------------------------------------------------

pub fn fault(code: Status, message: &[u8], provider_code: &[u8]) -> Fault {
    Fault {
        size: core::mem::size_of::<Fault>() as u32,
        code,
        retry: 0,
        http_status: 0,
        retry_after_ms: 0,
        message: Str::new(message),
        provider_code: if provider_code.is_empty() { Str::ABSENT } else { Str::new(provider_code) },
        request_id: Str::ABSENT,
        param: Str::ABSENT,
    }
}

/// A string without its quotes, escapes as they are; anything else: nothing.
pub fn plain(string: Option<&[u8]>) -> &[u8] {
    string.filter(|s| s.len() >= 2 && s[0] == b'"').map_or(&[], |s| &s[1..s.len() - 1])
}

/// A whole answer, or an event of a stream, as JSON; an empty event is {}.  Err: DONE, no JSON, or the provider reports an error in it.
pub fn answer_json<'a>(data: &'a [u8], out: &Out) -> Answer<&'a [u8]> {
    if data == b"[DONE]" {
        return Err(DONE); // CHANGE: how a stream says that it is over
    }
    if data.is_empty() {
        return Ok(b"{}");
    }
    let answer = json::value(data).ok_or(E_PROTOCOL)?;
    let Some(error) = json::get(answer, "error").filter(|e| e[0] == b'{') else {
        return Ok(answer); // CHANGE: what a failure inside an answer looks like
    };
    let mut room = [0u8; 512];
    let message = json::get(error, "message").and_then(|m| json::decode_into(m, &mut room));
    let said = fault(E_SERVER, message.unwrap_or(b"the provider reports an error without a message"), plain(json::get(error, "code")));
    did((out.fault)(out.ctx, &said))?;
    Err(E_SERVER)
}

/// The elements of the array that is this member; none when it is no array.
pub fn each<'a>(answer: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    json::elements(json::get(answer, name).unwrap_or(b"[]"))
}

/// A JSON string as text, decoded in pieces; anything else is no text.
pub fn answer_text(string: Option<&[u8]>, out: &Out) -> Answer<bool> {
    let say = |p: &[u8]| did((out.text)(out.ctx, 0, TEXT_CONTENT, p.as_ptr(), p.len())).map(|_| ());
    string.map_or(Ok(false), |string| json::decode(string, say))
}

/// The reason for the end, a JSON string; anything else: the end is not here yet.
pub fn answer_finish(state: &mut State, reason: Option<&[u8]>, out: &Out) -> Answer<Status> {
    let word = plain(reason);
    if word.is_empty() || state.finished {
        return Ok(OK);
    }
    state.finished = true;
    let code = match word { // CHANGE: the provider's words
        b"stop" => 0,
        b"length" => 1,
        b"tool_calls" => 2,
        b"content_filter" => 3,
        _ => 4,
    };
    did((out.finish)(out.ctx, 0, code, word.as_ptr(), word.len()))
}

/// The usage object, by the provider's names for the input and the output, and how many images were made.  -1: not reported.
pub fn answer_usage(answer: &[u8], input: &str, output: &str, images: i64, out: &Out) -> Answer<Status> {
    let usage = json::get(answer, "usage").filter(|u| u[0] == b'{');
    let count = |name: &str| usage.and_then(|u| json::get(u, name)).and_then(json::integer).unwrap_or(-1);
    if usage.is_none() && images < 0 {
        return Ok(OK);
    }
    let counts = Counts {
        size: core::mem::size_of::<Counts>() as u32,
        flags: 0,
        input_tokens: count(input),
        output_tokens: count(output),
        cached_and_others: [-1; 6],
        images,
        milliseconds: -1,
        characters: -1,
        cost_pico_usd: -1,
        raw: usage.map_or(Str::ABSENT, Str::new),
    };
    did((out.usage)(out.ctx, &counts))
}
