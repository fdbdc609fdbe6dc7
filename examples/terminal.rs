//! What others wrote, before it goes to a terminal: their names, messages and devices must not steer it.
//!
//! A terminal obeys the control characters of C0 and C1 (ECMA-48), and the bidirectional ones turn the rest of a line
//! around (UAX #9).

/// The text, with a replacement character for each that steers.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same JSON, with an escape for each character that steers; only its own line breaks are left.
pub fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Inside strings these are escaped already (RFC 8259 section 7): here they stand between the values.
        if steers(c) && c >= ' ' {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

fn steers(c: char) -> bool {
    let bidirectional =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // A line separator ends a line for some readers.
    c.is_control() || bidirectional || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        let replaced = harmless("a\u{1b}[31m\u{9b}1m\u{9d}0;x\u{7f}\u{202e}\u{2066}z é\u{202f}\u{1f600}");
        assert_eq!(
            replaced,
            "a\u{fffd}[31m\u{fffd}1m\u{fffd}0;x\u{fffd}\u{fffd}\u{fffd}z é\u{202f}\u{1f600}"
        );
    }

    #[test]
    fn json_says_the_same_without_what_steers() {
        let said = json!({"text": "\u{9b}31m\n\u{202e}\u{7f}\u{2028} é \" \\"});
        for json in [said.to_string(), format!("{said:#}")] {
            let text = harmless_json(&json);
            assert!(text.chars().all(|c| c == '\n' || !steers(c)), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), said);
        }
    }
}
