//! Test programs in other languages: they print one line for each named check, and here the lines are counted.
//!
//! | line on standard output | counts as |
//! |---|---|
//! | `ok NAME` | a passed test |
//! | `not ok NAME: why` | a failed test |
//! | `SKIPPED NAME: why` | a skipped test |
//!
//! Every other line is passed on as it is. A program that ends badly without a check that explains it, that runs into
//! the deadline, or that ends without any check is a failure of its own. Names never contain a colon and a space.

use std::{process::Command, thread, time::Instant};

use crate::{
    process::{self, Ended, Line},
    tally::Tally,
};

/// A program that prints checks.
#[derive(Debug)]
pub(crate) struct Script {
    /// Stands before the names of its checks.
    pub(crate) name: String,
    pub(crate) command: Command,
}

impl Script {
    pub(crate) fn new(name: impl Into<String>, command: Command) -> Script {
        Script { name: name.into(), command }
    }

    /// Runs it without standard input, and kills it with all that it started when `deadline` passes.
    pub(crate) fn run(mut self, deadline: Instant) -> Tally {
        let start = Instant::now();
        let mut checks = Checks::new(&self.name);
        let ended = process::run(&mut self.command, deadline, |line| checks.line(line));
        let tally = checks.finish(&ended.map_err(|error| format!("{error:#}")));
        println!("    {}: {} in {:.1} s", self.name, tally.total(), start.elapsed().as_secs_f64());
        tally
    }
}

/// Runs all of them at the same time.
pub(crate) fn run_together(scripts: Vec<Script>, deadline: Instant) -> Tally {
    let mut total = Tally::default();
    thread::scope(|scope| {
        let running: Vec<_> = scripts
            .into_iter()
            .map(|script| {
                let name = script.name.clone();
                (name, scope.spawn(move || script.run(deadline)))
            })
            .collect();
        for (name, thread) in running {
            match thread.join() {
                Ok(tally) => total.add(tally),
                Err(_) => total.fail(&name, "reading its output failed"),
            }
        }
    });
    total
}

/// Reads a script's output, line by line.
struct Checks {
    script: String,
    tally: Tally,
}

impl Checks {
    fn new(script: &str) -> Checks {
        Checks { script: script.to_owned(), tally: Tally::default() }
    }

    fn line(&mut self, line: &Line) {
        let Line::Out(text) = line else {
            process::print(line);
            return;
        };
        let named = |name: &str| format!("{}: {}", self.script, name.trim());
        let with_reason = |rest: &str| match rest.split_once(": ") {
            Some((name, why)) => (named(name), why.trim().to_owned()),
            None => (named(rest.trim_end_matches(':')), "no reason given".to_owned()),
        };
        if let Some(name) = text.strip_prefix("ok ") {
            self.tally.pass(&named(name));
        } else if let Some(rest) = text.strip_prefix("not ok ") {
            let (name, why) = with_reason(rest);
            self.tally.fail(&name, &why);
        } else if let Some(rest) = text.strip_prefix("SKIPPED ") {
            let (name, why) = with_reason(rest);
            self.tally.skip(&name, &why);
        } else {
            process::print(line);
        }
    }

    fn finish(mut self, ended: &Result<Ended, String>) -> Tally {
        let tally = &mut self.tally;
        let checks = tally.passed + tally.failed.len() + tally.skipped.len();
        match ended {
            Ok(Ended::Exited(status)) if !status.success() && tally.failed.is_empty() => {
                tally.fail(&self.script, &format!("it ended with {status}, and no check says why"));
            }
            Ok(Ended::Exited(_)) if checks == 0 => tally.fail(&self.script, "it ended without any check"),
            Ok(Ended::Exited(_)) => {}
            Ok(Ended::TimedOut) => tally.fail(&self.script, "killed when its time was used up"),
            Err(error) => tally.fail(&self.script, error),
        }
        self.tally
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(text: &str) -> Script {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        Script::new("shell", command)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn each_kind_of_line_is_counted_and_the_rest_is_not() {
        let tally = shell(
            "echo ok one; echo 'not ok two: it is: late'; echo 'SKIPPED three: no switch'; echo okay; exit 1",
        )
        .run(soon());
        assert_eq!(tally.total(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(tally.failed, ["shell: two"]);
        assert_eq!(tally.skipped, ["shell: three: no switch"]);
    }

    #[test]
    fn a_script_that_crashes_after_good_checks_is_a_failure() {
        assert_eq!(shell("echo ok one; exit 2").run(soon()).failed, ["shell"]);
    }

    #[test]
    fn a_script_without_checks_is_a_failure() {
        assert_eq!(shell("echo nothing").run(soon()).failed, ["shell"]);
    }

    #[test]
    fn a_script_that_hangs_is_killed_and_what_it_told_counts() {
        let tally = shell("echo ok one; sleep 600").run(Instant::now() + Duration::from_millis(300));
        assert_eq!((tally.passed, tally.failed.len()), (1, 1));
    }

    #[test]
    fn scripts_that_run_together_are_added_up() {
        let tally = run_together(vec![shell("echo ok one"), shell("echo ok two")], soon());
        assert_eq!(tally.total(), "2 passed, 0 failed, 0 skipped");
    }
}
