//! The page on endings says what the code says.

use ringback_proto::{EndReason, Language, Retry};

const PAGE: &str = include_str!("../../../docs/endings.md");

fn row(reason: &EndReason) -> String {
    let again = match reason.retry() {
        Retry::Now => "at once".to_owned(),
        Retry::Later { after } => format!("after {} s", after.as_secs()),
        Retry::AfterFix => "once that is done".to_owned(),
        Retry::Never => "no".to_owned(),
    };
    let code = match reason.code() {
        code if code.starts_with("replaced.") => "replaced.ID".into(),
        code => code,
    };
    format!("| `{code}` | {} | {again} |", reason.explain(Language::En))
}

#[test]
fn the_page_lists_every_reason_as_the_code_explains_it() {
    let wanted: Vec<String> = EndReason::all().iter().map(row).collect();
    let listed: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(listed, wanted, "the rows of docs/endings.md should be:\n{}", wanted.join("\n"));
}
