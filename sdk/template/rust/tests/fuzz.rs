// SPDX-License-Identifier: MIT
//! Damaged answers: `make fuzz` builds and runs it.  Each begins as one of the answers below and is changed in a few places; whatever it
//! is, the codec has to come back.  An overflow, a slice out of bounds or a panic ends the program, which names its seed first.
//! usage: fuzz SECONDS [SEED]

#[path = "../src/lib.rs"]
#[allow(dead_code)]
mod plugin;

use plugin::codec::fault;
use plugin::llm_provider::*;
use std::ffi::{c_void, CStr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static SEED: AtomicU64 = AtomicU64::new(1);

const ANSWERS: &[&str] = &[
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi \\u00e9\\ud83d\\ude00\"},\"finish_reason\":null}],\"text\":\"a\\n\"}\n[DONE]",
    "{\"choices\":[{\"message\":{\"content\":\"Hi\"},\"text\":\"x\",\"finish_reason\":\"stop\"}],\"end\":\"stop\",\"usage\":{\"prompt_tokens\":3,\"input\":1}}",
    "{\"data\":[{\"embedding\":[0.5,-1e3],\"b64_json\":\"iVBO\",\"url\":\"https:\\/\\/a.example\"}],\"usage\":{\"input_tokens\":9}}",
    "{\"results\":[{\"index\":0,\"relevance_score\":0.5}],\"error\":null}",
    "{\"error\":{\"message\":\"no \\\"key\\\"\",\"code\":\"insufficient_quota\"}}",
];
const PIECES: &[&[u8]] = &[b"\"", b"{", b"}", b"[", b"]", b":", b",", b"null", b"\\u", b"\\ud800", b"-", b"1e999", b"\xff", b"\0", b"\\"];

struct Random(u64);
impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn damaged(random: &mut Random) -> Vec<u8> {
    let mut text = ANSWERS[random.below(ANSWERS.len())].as_bytes().to_vec();
    for _ in 0..random.below(5) {
        let at = random.below(text.len());
        match random.below(4) {
            0 if !text.is_empty() => text[at] = random.below(256) as u8,
            1 => text.truncate(at),
            2 => drop(text.drain(at..(at + random.below(9)).min(text.len()))),
            _ => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
        }
    }
    text
}

// Memory that lives until close(): the list of what was given.
extern "C" fn give(ctx: *mut c_void, size: usize) -> *mut c_void {
    let blocks = unsafe { &mut *(ctx as *mut Vec<Vec<u64>>) };
    blocks.push(vec![0u64; size / 8 + 1]);
    blocks.last_mut().unwrap().as_mut_ptr() as *mut c_void
}

/// A table of verbs that take everything.  They have different arguments, and look at none.
extern "C" fn nothing() -> Status {
    OK
}

fn one(random: &mut Random) {
    let generators = unsafe { (*plugin::llm_provider_entry_v1()).generators };
    let mut n = 0;
    while unsafe { !(*generators.add(n)).is_null() } {
        n += 1;
    }
    let generator = unsafe { &**generators.add(random.below(n)) };
    let codec = unsafe { &*generator.codec };
    let operation = unsafe { CStr::from_ptr(generator.operation) }.to_bytes();
    let request = b"{}";
    let mut blocks: Vec<Vec<u64>> = Vec::new();
    let args = JobArgs {
        size: core::mem::size_of::<JobArgs>() as u32,
        flags: random.below(2) as u32,
        id: 1,
        operation: Str::new(operation),
        format: Str::ABSENT,
        model: Str::new(b"m"),
        request: Str::new(request),
        fields: core::ptr::null(),
        n_fields: 0,
        attachments: core::ptr::null(),
        n_attachments: 0,
        alloc_ctx: &mut blocks as *mut _ as *mut c_void,
        alloc: give,
    };
    let verbs = [nothing as extern "C" fn() -> Status; core::mem::size_of::<Out>() / 8];
    let out = unsafe { &mut *(verbs.as_ptr() as *mut Out) };
    let mut job = core::ptr::null_mut();
    assert!((codec.open)(core::ptr::null_mut(), &args, out, &mut job) == OK);
    let text = damaged(random);
    if random.below(4) > 0 {
        for line in text.split(|c| *c == b'\n') {
            let chunk = Chunk { size: core::mem::size_of::<Chunk>() as u32, frame: 0, event: Str::ABSENT, data: Str::new(line) };
            let status = (codec.data)(job, &chunk, out);
            if status < 0 || status == DONE {
                break;
            }
        }
        (codec.end)(job, OK, out);
    } else if let Some(fail) = codec.fail {
        let head = Head { size: core::mem::size_of::<Head>() as u32, http_status: 400, headers: core::ptr::null(), n_headers: 0 };
        let mut fault = fault(E_INVALID_REQUEST, b"", b"");
        fail(job, &head, &Str::new(&text), &mut fault);
    }
    (codec.close)(job);
}

fn main() {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|w| w.parse().ok()).collect();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(words.first().copied().unwrap_or(10));
    let first = words.get(1).copied().unwrap_or(1);
    SEED.store(first, Relaxed);
    std::panic::set_hook(Box::new(|what| { // the process is aborted behind it: a panic cannot leave extern "C"
        eprintln!("{what}\nagain: build/fuzz 1 {}", SEED.load(Relaxed));
    }));
    while std::time::Instant::now() < until {
        let seed = SEED.load(Relaxed);
        for i in 0..1000 {
            one(&mut Random((seed * 1000 + i) | 1 << 63));
        }
        SEED.store(seed + 1, Relaxed);
    }
    println!("{} answers did no harm", (SEED.load(Relaxed) - first) * 1000);
}
