//! Our own description on its way out: no candidates, no addresses.

/// Takes out of a description of ours what the peer need not know.
///
/// Candidates and their end go (they travel by themselves), `o=`, `c=` and `a=rtcp` say `0.0.0.0`, and the ports of
/// live sections become 9, as RFC 8838 section 4.1.1 has it where candidates trickle. Everything else stays, line by line, in the
/// engine's order. Cleaning twice changes nothing.
pub fn clean_local_sdp(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.is_empty() || is_about_candidates(line) {
            continue;
        }
        match line.split_at_checked(2) {
            Some(("c=", _)) => clean.push_str("c=IN IP4 0.0.0.0"),
            Some(("o=", value)) => push_origin(&mut clean, value),
            Some(("m=", value)) => push_media(&mut clean, value),
            Some(("a=", value)) if value.starts_with("rtcp:") => clean.push_str("a=rtcp:9 IN IP4 0.0.0.0"),
            Some(_) | None => clean.push_str(line),
        }
        clean.push_str("\r\n");
    }
    clean
}

fn is_about_candidates(line: &str) -> bool {
    ["a=candidate:", "a=end-of-candidates", "a=remote-candidates:"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// `o=<user> <session> <version> IN IP4 <address>`: the first three stay.
fn push_origin(clean: &mut String, value: &str) {
    let words: Vec<&str> = value.split(' ').collect();
    let [user, session, version, _, _, _] = words.as_slice() else {
        clean.push_str("o=- 0 0 IN IP4 0.0.0.0");
        return;
    };
    for word in ["o=", user, " ", session, " ", version, " IN IP4 0.0.0.0"] {
        clean.push_str(word);
    }
}

/// `m=<kind> <port> ...`: port 0 (rejected) stays.
fn push_media(clean: &mut String, value: &str) {
    let mut words = value.splitn(3, ' ');
    let (Some(kind), Some(port), Some(rest)) = (words.next(), words.next(), words.next()) else {
        clean.push_str("m=");
        clean.push_str(value);
        return;
    };
    let port = if port == "0" { "0" } else { "9" };
    for word in ["m=", kind, " ", port, " ", rest] {
        clean.push_str(word);
    }
}
