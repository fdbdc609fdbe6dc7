//! What a datagram is, told by its first bytes (RFC 7983), also inside TURN framing (RFC 8656).
//!
//! Only what the runtime acts upon is told apart; nothing is decrypted, and no length in a datagram is trusted.

/// What a datagram is, as far as the runtime cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datagram {
    /// A STUN message.
    Stun(Stun),
    /// SRTP or SRTCP.
    Media,
    /// A DTLS record, or several.
    Dtls(Dtls),
    /// Anything else.
    Other,
}

/// STUN messages that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stun {
    /// The server's refusal of a TURN allocation; the first one carries the nonce and is ordinary.
    AllocateError,
    /// A TURN allocation.
    AllocateSuccess,
    /// The answer to a Binding request: a connectivity check that went well, or a reflexive address.
    CheckAnswered,
    /// A request of any method.
    Request,
    /// Any other message.
    Other,
}

/// DTLS records that are told apart (RFC 6347 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtls {
    /// ClientHello or HelloVerifyRequest in the clear: a handshake begins.
    Hello,
    /// Another part of a handshake flight.
    Flight {
        /// It begins with ChangeCipherSpec or an encrypted record, as only the last flight does.
        last: bool,
        /// It has an encrypted handshake record, so the sender's Finished.
        finished: bool,
    },
    /// Application data.
    Application,
    /// Application data in the clear, which nobody sends.
    PlainApplication,
    /// An alert in the clear: the handshake failed, if it is to be believed.
    PlainAlert,
    /// An encrypted alert: in an established association the close_notify.
    SealedAlert,
}

impl Datagram {
    /// Tells what `datagram` is.
    pub(super) fn classify(datagram: &[u8]) -> Self {
        let inner = without_turn(datagram);
        match inner.first() {
            Some(0..=3) if inner.get(4..8) == Some(&MAGIC_COOKIE) => Self::Stun(match [inner[0], inner[1]] {
                ALLOCATE_ERROR => Stun::AllocateError,
                ALLOCATE_SUCCESS => Stun::AllocateSuccess,
                BINDING_SUCCESS => Stun::CheckAnswered,
                // The class is in two bits of the type (RFC 8489 section 5).
                [high, low] if high & 0x01 == 0 && low & 0x10 == 0 => Stun::Request,
                _ => Stun::Other,
            }),
            Some(128..=191) => Self::Media,
            Some(20..=23) if inner.len() >= RECORD_HEADER && inner[1] == 0xfe => Self::Dtls(dtls(inner)),
            _ => Self::Other,
        }
    }
}

/// Is it wrapped for TURN, as ChannelData or as a Send or Data indication?
pub(super) fn is_relayed(datagram: &[u8]) -> bool {
    match datagram {
        [0x40..=0x4f, ..] => true,
        [0x00, 0x16 | 0x17, ..] => datagram.get(4..8) == Some(&MAGIC_COOKIE),
        _ => false,
    }
}

fn dtls(datagram: &[u8]) -> Dtls {
    let sealed = epoch(datagram) > 0;
    match datagram[0] {
        APPLICATION_DATA if sealed => Dtls::Application,
        APPLICATION_DATA => Dtls::PlainApplication,
        ALERT if sealed => Dtls::SealedAlert,
        ALERT => Dtls::PlainAlert,
        HANDSHAKE if !sealed && matches!(datagram.get(RECORD_HEADER), Some(1 | 3)) => Dtls::Hello,
        first => Dtls::Flight {
            last: first == CHANGE_CIPHER_SPEC || sealed,
            finished: records(datagram).any(|r| r[0] == HANDSHAKE && epoch(r) > 0),
        },
    }
}

/// The records of a datagram, each from its header on.
fn records(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let record = rest;
        let header = record.get(..RECORD_HEADER)?;
        let length = RECORD_HEADER + usize::from(u16::from_be_bytes([header[11], header[12]]));
        rest = record.get(length..).unwrap_or_default();
        Some(record)
    })
}

fn epoch(record: &[u8]) -> u16 {
    u16::from_be_bytes([record[3], record[4]])
}

/// The payload of ChannelData, or of the DATA attribute of a Send or Data indication; else the datagram itself.
fn without_turn(datagram: &[u8]) -> &[u8] {
    match datagram {
        [0x40..=0x4f, _, high, low, rest @ ..] => {
            &rest[..rest.len().min(usize::from(u16::from_be_bytes([*high, *low])))]
        }
        [0x00, ..] if is_relayed(datagram) => data_attribute(datagram).unwrap_or(datagram),
        _ => datagram,
    }
}

fn data_attribute(message: &[u8]) -> Option<&[u8]> {
    let mut attributes = message.get(STUN_HEADER..)?;
    loop {
        let header = attributes.get(..4)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[..2] == DATA_ATTRIBUTE {
            return attributes.get(4..4 + length);
        }
        // Attributes are padded to four bytes (RFC 8489 section 14).
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
    }
}

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_HEADER: usize = 20;
const ALLOCATE_SUCCESS: [u8; 2] = [0x01, 0x03];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const ALLOCATE_ERROR: [u8; 2] = [0x01, 0x13];
const DATA_ATTRIBUTE: [u8; 2] = [0x00, 0x13];
const RECORD_HEADER: usize = 13;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A DTLS record with `body`.
    pub(crate) fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        out.extend((body.len() as u16).to_be_bytes());
        out.extend(body);
        out
    }

    #[test]
    fn records_of_a_handshake_are_told_apart() {
        let classify = |d: &[u8]| Datagram::classify(d);
        assert_eq!(classify(&record(22, 0, &[1, 0, 0])), Datagram::Dtls(Dtls::Hello));
        assert_eq!(classify(&record(22, 0, &[3, 0, 0])), Datagram::Dtls(Dtls::Hello));
        assert_eq!(
            classify(&record(22, 0, &[2, 0])),
            Datagram::Dtls(Dtls::Flight { last: false, finished: false })
        );
        let client_last = [record(22, 0, &[11]), record(20, 0, &[1]), record(22, 1, &[9; 30])].concat();
        assert_eq!(classify(&client_last), Datagram::Dtls(Dtls::Flight { last: false, finished: true }));
        let server_last = [record(20, 0, &[1]), record(22, 1, &[9; 30])].concat();
        assert_eq!(classify(&server_last), Datagram::Dtls(Dtls::Flight { last: true, finished: true }));
        assert_eq!(classify(&record(21, 0, &[2, 40])), Datagram::Dtls(Dtls::PlainAlert));
        assert_eq!(classify(&record(21, 1, &[7; 10])), Datagram::Dtls(Dtls::SealedAlert));
        assert_eq!(classify(&record(23, 1, &[7; 10])), Datagram::Dtls(Dtls::Application));
        assert_eq!(classify(&record(23, 0, &[7; 10])), Datagram::Dtls(Dtls::PlainApplication));
    }

    #[test]
    fn requests_are_told_from_answers() {
        let stun = |kind: [u8; 2]| [&kind[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[0; 12]].concat();
        let classify = |kind| Datagram::classify(&stun(kind));
        assert_eq!(classify([0, 1]), Datagram::Stun(Stun::Request), "Binding");
        assert_eq!(classify([0, 3]), Datagram::Stun(Stun::Request), "Allocate");
        assert_eq!(classify([1, 1]), Datagram::Stun(Stun::CheckAnswered), "success");
        assert_eq!(classify([1, 0x11]), Datagram::Stun(Stun::Other), "error");
        assert_eq!(classify([0, 0x11]), Datagram::Stun(Stun::Other), "indication");
    }

    #[test]
    fn turn_framing_is_seen_through() {
        let hello = record(22, 0, &[1, 0, 0]);
        let mut channel = vec![0x40, 0x01];
        channel.extend((hello.len() as u16).to_be_bytes());
        channel.extend(&hello);
        assert_eq!(Datagram::classify(&channel), Datagram::Dtls(Dtls::Hello));

        let mut indication = vec![0x00, 0x17, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        indication.extend([0; 12]);
        indication.extend([0x00, 0x12, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]);
        indication.extend([0x00, 0x13]);
        indication.extend((hello.len() as u16).to_be_bytes());
        indication.extend(&hello);
        assert_eq!(Datagram::classify(&indication), Datagram::Dtls(Dtls::Hello));
    }

    #[test]
    fn short_and_lying_datagrams_are_other() {
        assert_eq!(Datagram::classify(&[]), Datagram::Other);
        assert_eq!(Datagram::classify(&[0, 1, 0, 0]), Datagram::Other);
        assert_eq!(Datagram::classify(&[22, 0xfe]), Datagram::Other);
        assert_eq!(Datagram::classify(&[0x40, 0, 0xff, 0xff]), Datagram::Other);
        let lying =
            [&[0x00, 0x16, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12], &[0, 0x13, 0xff, 0xff, 1]].concat();
        assert_eq!(Datagram::classify(&lying), Datagram::Stun(Stun::Other));
        for length in 0..40 {
            let cut = &record(22, 0, &[11; 40])[..length];
            let _ = Datagram::classify(cut);
        }
    }
}
