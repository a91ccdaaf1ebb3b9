// SPDX-License-Identifier: MIT
//! @title@ for LLM Master: requests of the caller in, HTTP requests out; bytes of the answer in, events out.
//! Lines with "CHANGE" are where your provider differs from what this template makes up.

mod json;
mod llm_provider;

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use llm_provider::*;

const MANIFEST: &[u8] = include_bytes!("../plugin.json");
#[link_section = ".note.llm_master"]
#[used]
static NOTE: Note<{ (MANIFEST.len() + 3) & !3 }> = note(MANIFEST);

/// What lives from open() to close(); its memory is the host's.
struct State {
    args: *const JobArgs, // valid until close()
    finished: bool,
}

fn status_of(result: Result<Status, Status>) -> Status {
    result.unwrap_or_else(|status| status)
}

/// A verb that refuses ends the function: its status is returned as it is.
fn did(status: Status) -> Result<Status, Status> {
    if status < 0 { Err(status) } else { Ok(status) }
}

extern "C" fn open(_inst: *mut Instance, args: *const JobArgs, _out: *const Out, ret: *mut *mut Job) -> Status {
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

extern "C" fn close(_job: *mut Job) {}

// ---- the request -----------------------------------------------------------------------------------------------------

/// CHANGE: which members of the request the provider takes, and what it calls them.
const MEMBERS: &[(&str, &str)] = &[
// @begin openai
    ("messages", "messages"), ("temperature", "temperature"), ("top_p", "top_p"), ("max_tokens", "max_tokens"), ("stop", "stop"), ("seed", "seed"),
// @end
// @begin scratch
    ("messages", "input"), ("temperature", "temperature"), ("max_tokens", "max_output"),
// @end
];

unsafe fn write_request(args: &JobArgs, req: &HttpRequest, out: &Out) -> Result<Status, Status> {
    let put = |text: &[u8]| did((req.body)(req.ctx, text.as_ptr(), text.len()));
    let url = b"/chat/completions"; // CHANGE
    did((req.line)(req.ctx, b"POST".as_ptr(), 4, url.as_ptr(), url.len()))?;
    did((req.header)(req.ctx, b"content-type".as_ptr(), 12, b"application/json".as_ptr(), 16))?;
    if args.flags & JOB_STREAM != 0 {
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
        match MEMBERS.iter().find(|m| m.0.as_bytes() == name) {
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
    put(if args.flags & JOB_STREAM != 0 { b",\"stream\":true}" } else { b"}" })
}

extern "C" fn encode(job: *mut Job, _step: *const Step, req: *const HttpRequest, out: *const Out) -> Status {
    unsafe { status_of(write_request(&*(*(job as *mut State)).args, &*req, &*out)).min(OK) }
}

// ---- the answer ------------------------------------------------------------------------------------------------------

fn fault(code: Status, message: &[u8], provider_code: &[u8]) -> Fault {
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

fn plain(string: Option<&[u8]>) -> &[u8] {
    string.filter(|s| s.len() >= 2 && s[0] == b'"').map_or(&[], |s| &s[1..s.len() - 1])
}

fn read_event(state: &mut State, data: &[u8], out: &Out) -> Result<Status, Status> {
    if data == b"[DONE]" {
        return Ok(DONE); // CHANGE: how a stream says that it is over
    }
    if data.is_empty() {
        return Ok(MORE);
    }
    let event = json::value(data).ok_or(E_PROTOCOL)?;
    if let Some(error) = json::get(event, "error").filter(|e| e[0] == b'{') {
        let mut room = [0u8; 512];
        let message = json::get(error, "message").and_then(|m| json::decode_into(m, &mut room));
        let said = fault(E_SERVER, message.unwrap_or(b"the provider reports an error without a message"), plain(json::get(error, "code")));
        did((out.fault)(out.ctx, &said))?;
        return Err(E_SERVER);
    }
    // CHANGE: where the text and the reason for the end are.
// @begin openai
    let choice = json::path(event, &["choices", "0"]).unwrap_or(b"{}");
    let message = json::get(choice, "delta").or(json::get(choice, "message")).unwrap_or(b"{}");
    let (text, reason) = (json::get(message, "content"), json::get(choice, "finish_reason"));
    let (input, output) = ("prompt_tokens", "completion_tokens");
// @end
// @begin scratch
    let (text, reason) = (json::get(event, "text"), json::get(event, "end"));
    let (input, output) = ("input", "output");
// @end
    if !state.finished {
        if let Some(text) = text {
            let say = |p: &[u8]| did((out.text)(out.ctx, 0, TEXT_CONTENT, p.as_ptr(), p.len())).map(|_| ());
            json::decode(text, say)?;
        }
        let word = plain(reason);
        if !word.is_empty() {
            state.finished = true;
            let code = match word { // CHANGE: the provider's words
                b"stop" => 0,
                b"length" => 1,
                b"tool_calls" => 2,
                b"content_filter" => 3,
                _ => 4,
            };
            did((out.finish)(out.ctx, 0, code, word.as_ptr(), word.len()))?;
        }
    }
    if let Some(usage) = json::get(event, "usage").filter(|u| u[0] == b'{') {
        let count = |name: &str| json::get(usage, name).and_then(json::integer).unwrap_or(-1); // -1: not reported
        let counts = Counts {
            size: core::mem::size_of::<Counts>() as u32,
            reserved: 0,
            input_tokens: count(input),
            output_tokens: count(output),
            others: [-1; 10],
            raw: Str::new(usage),
        };
        did((out.usage)(out.ctx, &counts))?;
    }
    Ok(MORE)
}

extern "C" fn data(job: *mut Job, chunk: *const Chunk, out: *const Out) -> Status {
    unsafe { status_of(read_event(&mut *(job as *mut State), (*chunk).data.bytes(), &*out)) }
}

/// A stream that was cut off is an error, never an answer.
extern "C" fn end(job: *mut Job, transport: Status, _out: *const Out) -> Status {
    let finished = unsafe { (*(job as *mut State)).finished };
    if finished { DONE } else if transport < 0 { transport } else { E_PROTOCOL }
}

/// A status of 400 and above: the host has filled the fault from it; the body knows better.
extern "C" fn fail(job: *mut Job, _head: *const Head, body: *const Str, said: *mut Fault) -> Status {
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

// ---- tables ----------------------------------------------------------------------------------------------------------

const fn text(bytes: &'static [u8]) -> *const c_char {
    bytes.as_ptr() as *const c_char
}

static CODEC: Table<Codec> = Table(Codec {
    size: core::mem::size_of::<Codec>() as u32,
    flags: CODEC_DETERMINISTIC,
    open,
    close,
    encode,
    head: None,
    data,
    end,
    fail: Some(fail),
});
static FORMATS: Table<[*const c_char; 2]> = Table([text(b"openai.chat\0"), null()]);
static CHAT: Table<Generator> = Table(Generator {
    size: core::mem::size_of::<Generator>() as u32,
    flags: 0,
    name: text(b"chat\0"),
    operation: text(b"chat\0"),
    formats: &FORMATS.0 as *const _,
    codec: &CODEC.0,
    generate: null::<c_void>(),
});
static GENERATORS: Table<[*const Generator; 2]> = Table([&CHAT.0, null()]);
static DESCRIPTOR: Table<Descriptor> = Table(Descriptor {
    size: core::mem::size_of::<Descriptor>() as u32,
    abi_minor: 0,
    id: text(b"@id@\0"),
    version: text(b"0.1.0\0"),
    generators: &GENERATORS.0 as *const _,
    init: null_mut(),
    shutdown: null_mut(),
    instance_new: null_mut(),
    instance_free: null_mut(),
    get_interface: null_mut(),
});

#[no_mangle]
pub extern "C" fn llm_provider_entry_v1() -> *const Descriptor {
    &DESCRIPTOR.0
}
