// SPDX-License-Identifier: MIT
//! The plugin ABI 1.0 of LLM Master as `sdk/llm_provider.h` has it: layouts, constants, nothing else.
#![allow(dead_code)]

use core::ffi::{c_char, c_void};

pub type Status = i32;
pub const OK: Status = 0;
pub const MORE: Status = 1;
pub const DONE: Status = 2;
pub const E_INVALID_REQUEST: Status = -1;
pub const E_CONTEXT_LENGTH: Status = -7;
pub const E_QUOTA: Status = -10;
pub const E_SERVER: Status = -12;
pub const E_PROTOCOL: Status = -15;
pub const E_NOMEM: Status = -19;

pub const FRAME_SSE: u32 = 1;
pub const JOB_STREAM: u32 = 1;
pub const CODEC_DETERMINISTIC: u32 = 2;
pub const TEXT_CONTENT: u32 = 0;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub ptr: *const u8,
    pub len: usize,
}

impl Str {
    pub const ABSENT: Str = Str { ptr: core::ptr::null(), len: 0 };
    pub fn new(text: &[u8]) -> Str {
        Str { ptr: text.as_ptr(), len: text.len() }
    }
    /// # Safety
    /// The slice is borrowed from the host: it lasts as long as the host says it does.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() { &[] } else { core::slice::from_raw_parts(self.ptr, self.len) }
    }
}

#[repr(C)]
pub struct Header {
    pub name: Str,
    pub value: Str,
}

#[repr(C)]
pub struct Fault {
    pub size: u32,
    pub code: Status,
    pub retry: u32,
    pub http_status: u32,
    pub retry_after_ms: u64,
    pub message: Str,
    pub provider_code: Str,
    pub request_id: Str,
    pub param: Str,
}

#[repr(C)]
pub struct HttpRequest {
    pub size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub line: extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize) -> Status,
    pub header: extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize) -> Status,
    pub body: extern "C" fn(*mut c_void, *const u8, usize) -> Status,
    pub body_attachment: extern "C" fn(*mut c_void, u32) -> Status,
    pub body_base64: extern "C" fn(*mut c_void, u32) -> Status,
    pub framing: extern "C" fn(*mut c_void, u32) -> Status,
    pub wait_ms: extern "C" fn(*mut c_void, u64) -> Status,
    pub header_secret: extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize, u32) -> Status,
    pub query_secret: extern "C" fn(*mut c_void, *const u8, usize, u32) -> Status,
    pub anonymous: extern "C" fn(*mut c_void) -> Status,
    pub idempotent: extern "C" fn(*mut c_void) -> Status,
}

#[repr(C)]
pub struct Head {
    pub size: u32,
    pub http_status: u32,
    pub headers: *const Header,
    pub n_headers: usize,
}

#[repr(C)]
pub struct Chunk {
    pub size: u32,
    pub frame: u32,
    pub event: Str,
    pub data: Str,
}

#[repr(C)]
pub struct Counts {
    pub size: u32,
    pub flags: u32,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cached_and_others: [i64; 6],
    pub images: i64,
    pub milliseconds: i64,
    pub characters: i64,
    pub cost_pico_usd: i64,
    pub raw: Str,
}

#[repr(C)]
pub struct Out {
    pub size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub text: extern "C" fn(*mut c_void, u32, u32, *const u8, usize) -> Status,
    pub tool: *const c_void,
    pub blob: *const c_void,
    pub blob_base64: extern "C" fn(*mut c_void, u32, *const u8, usize, *const u8, usize, u32) -> Status,
    pub blob_url: extern "C" fn(*mut c_void, u32, *const u8, usize, *const u8, usize) -> Status,
    pub vector: *const c_void,
    pub vector_json: extern "C" fn(*mut c_void, u32, *const u8, usize) -> Status,
    pub usage: extern "C" fn(*mut c_void, *const Counts) -> Status,
    pub finish: extern "C" fn(*mut c_void, u32, u32, *const u8, usize) -> Status,
    pub fault: extern "C" fn(*mut c_void, *const Fault) -> Status,
    pub warn: extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize, *const u8, usize) -> Status,
    pub identity: *const c_void,
    pub verbatim: *const c_void,
    pub json: extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize) -> Status,
}

#[repr(C)]
pub struct JobArgs {
    pub size: u32,
    pub flags: u32,
    pub id: u64,
    pub operation: Str,
    pub format: Str,
    pub model: Str,
    pub request: Str,
    pub fields: *const Header,
    pub n_fields: usize,
    pub attachments: *const c_void,
    pub n_attachments: usize,
    pub alloc_ctx: *mut c_void,
    pub alloc: extern "C" fn(*mut c_void, usize) -> *mut c_void,
}

#[repr(C)]
pub struct Step {
    pub size: u32,
    pub step: u32,
    pub attempt: u32,
    pub reserved: u32,
}

pub enum Instance {}
pub enum Job {}

pub type Encode = extern "C" fn(*mut Job, *const Step, *const HttpRequest, *const Out) -> Status;
pub type Data = extern "C" fn(*mut Job, *const Chunk, *const Out) -> Status;

#[repr(C)]
pub struct Codec {
    pub size: u32,
    pub flags: u32,
    pub open: extern "C" fn(*mut Instance, *const JobArgs, *const Out, *mut *mut Job) -> Status,
    pub close: extern "C" fn(*mut Job),
    pub encode: Encode,
    pub head: Option<extern "C" fn(*mut Job, *const Head, *const Out) -> Status>,
    pub data: Data,
    pub end: extern "C" fn(*mut Job, Status, *const Out) -> Status,
    pub fail: Option<extern "C" fn(*mut Job, *const Head, *const Str, *mut Fault) -> Status>,
}

#[repr(C)]
pub struct Generator {
    pub size: u32,
    pub flags: u32,
    pub name: *const c_char,
    pub operation: *const c_char,
    pub formats: *const *const c_char,
    pub codec: *const Codec,
    pub generate: *const c_void,
}

#[repr(C)]
pub struct Descriptor {
    pub size: u32,
    pub abi_minor: u32,
    pub id: *const c_char,
    pub version: *const c_char,
    pub generators: *const *const Generator,
    pub init: *const c_void,
    pub shutdown: *const c_void,
    pub instance_new: *const c_void,
    pub instance_free: *const c_void,
    pub get_interface: *const c_void,
}

/// A static table that holds pointers: nothing ever writes to it.
#[repr(transparent)]
pub struct Table<T>(pub T);
unsafe impl<T> Sync for Table<T> {}

#[repr(C)]
pub struct Note<const N: usize> {
    pub namesz: u32,
    pub descsz: u32,
    pub kind: u32,
    pub name: [u8; 12],
    pub desc: [u8; N],
}

/// The manifest as an ELF note: `#[link_section = ".note.llm_master"] #[used] static NOTE: Note<LEN> = note(JSON);`
/// LEN is the text's length rounded up to 4.
pub const fn note<const N: usize>(json: &[u8]) -> Note<N> {
    let mut desc = [0u8; N];
    let mut i = 0;
    while i < json.len() {
        desc[i] = json[i];
        i += 1;
    }
    Note { namesz: 10, descsz: json.len() as u32, kind: 1, name: *b"LLMMaster\0\0\0", desc }
}
