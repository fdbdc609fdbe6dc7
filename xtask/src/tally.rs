//! Counts what ran, and reads the counts of libtest from its output.
//!
//! A test that cannot run here writes the line `SKIPPED name: why` to standard error, past libtest's capture
//! (`writeln!(std::io::stderr(), ..)`), and returns. libtest counts it as passed; here it moves to the skipped.

/// The outcome of tests: numbers, and the names that a reader wants to see.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) skipped: Vec<String>,
}

impl Tally {
    pub(crate) fn pass(&mut self, name: &str) {
        println!("ok      {name}");
        self.passed += 1;
    }

    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        println!("FAILED  {name}: {why}");
        self.failed.push(name.to_owned());
    }

    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED {name}: {why}");
        self.skipped.push(format!("{name}: {why}"));
    }

    /// Counts `result` under `name`.
    pub(crate) fn record(&mut self, name: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.pass(name),
            Err(error) => self.fail(name, &format!("{error:#}")),
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }

    /// The plain closing line.
    pub(crate) fn total(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len())
    }
}

/// Reads the output of `cargo test`, line by line.
#[derive(Debug, Default)]
pub(crate) struct Libtest {
    passed: usize,
    failed: usize,
    failed_names: Vec<String>,
    skipped: Vec<String>,
}

impl Libtest {
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(at) = line.find("SKIPPED ")
            && let Some((name, why)) = line[at..].trim_start_matches("SKIPPED ").split_once(": ")
        {
            self.skipped.push(format!("{name}: {why}"));
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            self.passed += number_before(rest, " passed");
            self.failed += number_before(rest, " failed");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failed_names.push(name.to_owned());
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ignored"))
        {
            self.skipped.push(format!("{name}: ignored"));
            // Not among libtest's passed tests, from which the tally takes the skipped ones.
            self.passed += 1;
        }
    }

    /// The counts of a command that ended with `success`; `name` is blamed for a failure that no test explains.
    pub(crate) fn finish(mut self, name: &str, success: bool) -> Tally {
        let named = self.failed_names.len();
        self.failed_names
            .extend((named..self.failed).map(|n| format!("{name} (failure {n} without a name)")));
        if !success && self.failed_names.is_empty() {
            self.failed_names.push(name.to_owned());
        }
        Tally {
            passed: self.passed.saturating_sub(self.skipped.len()),
            failed: self.failed_names,
            skipped: self.skipped,
        }
    }
}

fn number_before(text: &str, word: &str) -> usize {
    text.split_once(word)
        .and_then(|(before, _)| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, success: bool) -> Tally {
        let mut libtest = Libtest::default();
        text.lines().for_each(|line| libtest.line(line));
        libtest.finish("step", success)
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let tally = read(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s\n\
             test a::b ... FAILED\n\
             test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            false,
        );
        assert_eq!(tally.total(), "15 passed, 1 failed, 0 skipped");
        assert_eq!(tally.failed, ["a::b"]);
    }

    #[test]
    fn a_skipped_test_moves_from_passed_to_skipped_with_its_reason() {
        let tally = read(
            "SKIPPED sink_removed: no pulseaudio\ntest result: ok. 2 passed; 0 failed; 0 ignored;",
            true,
        );
        assert_eq!(tally.total(), "1 passed, 0 failed, 1 skipped");
        assert_eq!(tally.skipped, ["sink_removed: no pulseaudio"]);
    }

    #[test]
    fn an_ignored_example_is_skipped_not_passed() {
        let tally =
            read("test x - y (line 3) ... ignored\ntest result: ok. 1 passed; 0 failed; 1 ignored;", true);
        assert_eq!(tally.total(), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_build_that_fails_before_any_test_is_one_failure() {
        assert_eq!(read("error: could not compile", false).failed, ["step"]);
    }
}
