//! The binary frames of serializer 2.0.0. Every length is one byte.
//!
//! | kind | direction | header after the kind | then |
//! |---|---|---|---|
//! | 0 push | from the server | join_ref, topic, event | the three texts, the body |
//! | 1 reply | from the server | join_ref, ref, topic, status | the four texts, the body |
//! | 2 broadcast | from the server | topic, event | the two texts, the body |
//! | 3 user broadcast | to the server | join_ref, ref, topic, event, metadata; encoding | the five texts, the body |
//! | 4 user broadcast | from the server | topic, event, metadata; encoding | the three texts, the body |
//!
//! The encoding is 0 for bytes and 1 for JSON. A JSON body comes from another client unparsed: it may be anything.

use super::frame::BadFrame;

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BinaryFrame<'a> {
    Push { join_ref: &'a str, topic: &'a str, event: &'a str, body: &'a [u8] },
    Reply { join_ref: &'a str, reference: &'a str, topic: &'a str, status: &'a str, body: &'a [u8] },
    Broadcast { topic: &'a str, event: &'a str, body: &'a [u8] },
    UserBroadcast { topic: &'a str, event: &'a str, metadata: &'a str, json: bool, body: &'a [u8] },
}

pub(super) fn decode(bytes: &[u8]) -> Result<BinaryFrame<'_>, BadFrame> {
    let mut cursor = Cursor { rest: bytes };
    match cursor.byte()? {
        PUSH => {
            let [join_ref, topic, event] = cursor.lengths()?;
            Ok(BinaryFrame::Push {
                join_ref: cursor.text(join_ref)?,
                topic: cursor.text(topic)?,
                event: cursor.text(event)?,
                body: cursor.rest,
            })
        }
        REPLY => {
            let [join_ref, reference, topic, status] = cursor.lengths()?;
            Ok(BinaryFrame::Reply {
                join_ref: cursor.text(join_ref)?,
                reference: cursor.text(reference)?,
                topic: cursor.text(topic)?,
                status: cursor.text(status)?,
                body: cursor.rest,
            })
        }
        BROADCAST => {
            let [topic, event] = cursor.lengths()?;
            Ok(BinaryFrame::Broadcast {
                topic: cursor.text(topic)?,
                event: cursor.text(event)?,
                body: cursor.rest,
            })
        }
        USER_BROADCAST => {
            let [topic, event, metadata] = cursor.lengths()?;
            let json = match cursor.byte()? {
                ENCODING_BYTES => false,
                ENCODING_JSON => true,
                _ => return Err(BadFrame::Binary),
            };
            Ok(BinaryFrame::UserBroadcast {
                topic: cursor.text(topic)?,
                event: cursor.text(event)?,
                metadata: cursor.text(metadata)?,
                json,
                body: cursor.rest,
            })
        }
        _ => Err(BadFrame::Binary),
    }
}

/// A user broadcast to the server, kind 3. `None` if a field is over 255 bytes.
pub(super) fn encode_user_broadcast(
    join_ref: u64,
    reference: u64,
    topic: &str,
    event: &str,
    json: bool,
    body: &[u8],
) -> Option<Vec<u8>> {
    let (join_ref, reference) = (join_ref.to_string(), reference.to_string());
    let fields = [join_ref.as_str(), &reference, topic, event, ""];
    let mut out =
        Vec::with_capacity(2 + fields.len() + fields.iter().map(|f| f.len()).sum::<usize>() + body.len());
    out.push(USER_PUSH);
    for field in fields {
        out.push(u8::try_from(field.len()).ok()?);
    }
    out.push(if json { ENCODING_JSON } else { ENCODING_BYTES });
    for field in fields {
        out.extend_from_slice(field.as_bytes());
    }
    out.extend_from_slice(body);
    Some(out)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Result<u8, BadFrame> {
        let (&first, rest) = self.rest.split_first().ok_or(BadFrame::Binary)?;
        self.rest = rest;
        Ok(first)
    }

    fn lengths<const N: usize>(&mut self) -> Result<[usize; N], BadFrame> {
        let mut lengths = [0; N];
        for length in &mut lengths {
            *length = usize::from(self.byte()?);
        }
        Ok(lengths)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, BadFrame> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or(BadFrame::Binary)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| BadFrame::Binary)
    }
}

const PUSH: u8 = 0;
const REPLY: u8 = 1;
const BROADCAST: u8 = 2;
const USER_PUSH: u8 = 3;
const USER_BROADCAST: u8 = 4;
const ENCODING_BYTES: u8 = 0;
const ENCODING_JSON: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_broadcast_from_the_server_is_read() {
        let mut bytes = vec![4, 3, 2, 2, 1];
        bytes.extend_from_slice(b"a:breb{}{\"n\":1}");
        let expected = BinaryFrame::UserBroadcast {
            topic: "a:b",
            event: "re",
            metadata: "b{",
            json: true,
            body: b"}{\"n\":1}",
        };
        assert_eq!(decode(&bytes), Ok(expected));
    }

    #[test]
    fn the_stock_kinds_are_read() {
        assert_eq!(
            decode(b"\x00\x01\x01\x016tebody"),
            Ok(BinaryFrame::Push { join_ref: "6", topic: "t", event: "e", body: b"body" })
        );
        assert_eq!(
            decode(b"\x01\x01\x01\x01\x0267tok"),
            Ok(BinaryFrame::Reply { join_ref: "6", reference: "7", topic: "t", status: "ok", body: b"" })
        );
        assert_eq!(
            decode(b"\x02\x01\x01tex"),
            Ok(BinaryFrame::Broadcast { topic: "t", event: "e", body: b"x" })
        );
    }

    #[test]
    fn every_prefix_of_a_frame_is_refused_or_read_and_never_panics() {
        let mut bytes = vec![4, 3, 2, 2, 1];
        bytes.extend_from_slice(b"a:breb{}");
        for length in 0..bytes.len() - 1 {
            let read = decode(&bytes[..length]);
            assert!(length >= 12 || read == Err(BadFrame::Binary), "{length}");
        }
    }

    #[test]
    fn a_user_broadcast_to_the_server_has_five_lengths_and_an_encoding() {
        let bytes = encode_user_broadcast(6, 17, "realtime:a", "rb1", true, b"{}").unwrap();
        assert_eq!(bytes, b"\x03\x01\x02\x0a\x03\x00\x01617realtime:arb1{}");
        assert_eq!(encode_user_broadcast(6, 17, &"x".repeat(256), "e", true, b""), None);
    }
}
