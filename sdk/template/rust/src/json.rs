// SPDX-License-Identifier: MIT
//! As much JSON as a codec needs, over slices: nothing is copied, nothing is allocated.

/// The end of the value that begins at `at` (no blanks before it); None: it is cut off or no JSON.
fn end_of(text: &[u8], at: usize, depth: usize) -> Option<usize> {
    if depth > 64 {
        return None;
    }
    match *text.get(at)? {
        b'"' => {
            let mut i = at + 1;
            loop {
                match *text.get(i)? {
                    b'"' => return Some(i + 1),
                    b'\\' => i += 2,
                    c if c < 0x20 => return None,
                    _ => i += 1,
                }
            }
        }
        open @ (b'{' | b'[') => {
            let close = if open == b'{' { b'}' } else { b']' };
            let mut i = blanks(text, at + 1);
            if *text.get(i)? == close {
                return Some(i + 1);
            }
            loop {
                if open == b'{' {
                    if *text.get(i)? != b'"' {
                        return None;
                    }
                    i = blanks(text, end_of(text, i, depth + 1)?);
                    if *text.get(i)? != b':' {
                        return None;
                    }
                    i = blanks(text, i + 1);
                }
                i = blanks(text, end_of(text, i, depth + 1)?);
                match *text.get(i)? {
                    b',' => i = blanks(text, i + 1),
                    c if c == close => return Some(i + 1),
                    _ => return None,
                }
            }
        }
        b'-' | b'0'..=b'9' => {
            let mut i = at + 1;
            while i < text.len() && matches!(text[i], b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
                i += 1;
            }
            Some(i)
        }
        _ => {
            for word in [&b"true"[..], b"false", b"null"] {
                if text[at..].starts_with(word) {
                    return Some(at + word.len());
                }
            }
            None
        }
    }
}

fn blanks(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && matches!(text[at], b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    at
}

/// The one value that the text is; None: no JSON.
pub fn value(text: &[u8]) -> Option<&[u8]> {
    let from = blanks(text, 0);
    let to = end_of(text, from, 0)?;
    (blanks(text, to) == text.len() && core::str::from_utf8(text).is_ok()).then(|| &text[from..to])
}

/// A member of an object, or an element of an array by its number.
pub fn get<'a>(container: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is_object = container.first() == Some(&b'{');
    let mut i = blanks(container, 1);
    let mut number = 0;
    while i < container.len() && container[i] != b'}' && container[i] != b']' {
        let mut found = !is_object && name.parse() == Ok(number);
        if is_object {
            let end = end_of(container, i, 0)?;
            found = &container[i + 1..end - 1] == name.as_bytes();
            i = blanks(container, blanks(container, end) + 1);
        }
        let end = end_of(container, i, 0)?;
        if found {
            return Some(&container[i..end]);
        }
        i = blanks(container, end);
        if container.get(i) == Some(&b',') {
            i = blanks(container, i + 1);
        }
        number += 1;
    }
    None
}

/// The elements of an array, one after the other, each found from where the last one ended.
#[allow(dead_code)]
pub fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut i = blanks(array, 1);
    core::iter::from_fn(move || {
        if array.first() != Some(&b'[') || array.get(i).map_or(true, |c| *c == b']') {
            return None;
        }
        let end = end_of(array, i, 0)?;
        let element = &array[i..end];
        i = blanks(array, end);
        if array.get(i) == Some(&b',') {
            i = blanks(array, i + 1);
        }
        Some(element)
    })
}

#[allow(dead_code)]
pub fn path<'a>(value: &'a [u8], names: &[&str]) -> Option<&'a [u8]> {
    names.iter().try_fold(value, |at, name| get(at, name))
}

pub fn integer(value: &[u8]) -> Option<i64> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

fn unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}

/// A string's text, given to `put` in pieces, so that nothing is allocated.  Ok(false): it is no string, or has an escape that is none.
pub fn decode<E>(string: &[u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<bool, E> {
    if string.first() != Some(&b'"') || string.len() < 2 {
        return Ok(false);
    }
    let text = &string[1..string.len() - 1];
    let (mut from, mut i) = (0, 0);
    while i < text.len() {
        if text[i] != b'\\' {
            i += 1;
            continue;
        }
        if i > from {
            put(&text[from..i])?;
        }
        let mut room = [0u8; 4];
        let plain = match text.get(i + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(c @ (b'"' | b'\\' | b'/')) => *c,
            Some(b'u') => 0,
            _ => return Ok(false),
        };
        if plain != 0 {
            put(&[plain])?;
            i += 2;
        } else {
            let Some(high) = unit(text, i + 2) else { return Ok(false) };
            i += 6;
            let mut point = high;
            if (0xd800..0xdc00).contains(&high) {
                match unit(text, i + 2) {
                    Some(low @ 0xdc00..=0xdfff) if text.get(i..i + 2) == Some(b"\\u") => {
                        point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        i += 6;
                    }
                    _ => return Ok(false),
                }
            }
            match char::from_u32(point) {
                Some(c) => put(c.encode_utf8(&mut room).as_bytes())?,
                None => return Ok(false),
            }
        }
        from = i;
    }
    if text.len() > from {
        put(&text[from..])?;
    }
    Ok(true)
}

/// The same into a buffer: as much of it as fits.
pub fn decode_into<'a>(string: &[u8], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut n = 0;
    let whole = decode(string, |piece| {
        if n + piece.len() > room.len() {
            return Err(());
        }
        room[n..n + piece.len()].copy_from_slice(piece);
        n += piece.len();
        Ok(())
    });
    (whole != Ok(false)).then(|| &room[..n])
}
