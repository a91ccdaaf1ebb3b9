// SPDX-License-Identifier: MIT
//! @title@ for LLM Master: the plugin itself, which is a manifest and a list of what it can do.
//! Requests of the caller in, HTTP requests out; bytes of the answer in, events out.  What an operation sends and reads stands in its
//! own file; what they share in codec.rs.  Lines with "CHANGE" are where your provider differs from what this template makes up.

@modules@
pub mod codec;
mod json;
pub mod llm_provider;

use core::ffi::c_char;
use core::ptr::{null, null_mut};
use llm_provider::*;

const MANIFEST: &[u8] = include_bytes!("../plugin.json");
#[link_section = ".note.llm_master"]
#[used]
static NOTE: Note<{ (MANIFEST.len() + 3) & !3 }> = note(MANIFEST);

static GENERATORS: Table<[*const Generator; @n_generators@ + 1]> = Table([@rust_generators@null()]);
static DESCRIPTOR: Table<Descriptor> = Table(Descriptor {
    size: core::mem::size_of::<Descriptor>() as u32,
    abi_minor: 0,
    id: b"@id@\0".as_ptr() as *const c_char,
    version: b"0.1.0\0".as_ptr() as *const c_char,
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
