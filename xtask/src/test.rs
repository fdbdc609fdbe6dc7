//! `cargo xtask test`: runs suites, each under its time budget, and ends with one line of totals.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{
    process::{self, Ended, Line},
    setup,
    suites::{SUITES, Step, Suite},
    tally::{Libtest, Tally},
    tools, workspace,
};

/// Prints the table of suites.
pub(crate) fn list() {
    for suite in SUITES {
        println!("{:<10} {:>3} min  {}", suite.name, suite.budget.as_secs() / 60, suite.covers);
    }
}

/// Runs the suites named in `names`, or all. Returns whether nothing failed.
pub(crate) fn run(names: &[String], yes: bool) -> Result<bool> {
    let suites = chosen(names)?;
    let mut needs = setup::BUILD.to_vec();
    needs.extend(suites.iter().flat_map(|suite| suite.needs));
    let incomplete = setup::ensure(&needs, yes).err().map(|error| format!("{error:#}"));
    if let Some(why) =
        incomplete.as_ref().filter(|_| cfg!(not(target_os = "linux")) || !setup::present(setup::BUILD))
    {
        bail!("{why}");
    }
    if suites.iter().any(|suite| suite.name == "check") {
        // Building a tool the first time takes minutes, which are nobody's budget.
        tools::prepare();
    }

    let mut total = Tally::default();
    for suite in suites {
        println!("\n== {} ({} min): {}", suite.name, suite.budget.as_secs() / 60, suite.covers);
        let start = Instant::now();
        // The others run: what one suite lacks is no fault of theirs.
        let tally = match incomplete.as_ref().filter(|_| !setup::present(suite.needs)) {
            None => run_suite(suite),
            Some(why) => {
                let mut tally = Tally::default();
                tally.fail(suite.name, why);
                tally
            }
        };
        println!("== {}: {} in {:.0} s", suite.name, tally.total(), start.elapsed().as_secs_f64());
        total.add(tally);
    }
    println!();
    for skipped in &total.skipped {
        println!("SKIPPED {skipped}");
    }
    for failed in &total.failed {
        println!("FAILED  {failed}");
    }
    println!("{}", total.total());
    Ok(total.failed.is_empty())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Suite>> {
    for name in names {
        if !SUITES.iter().any(|suite| suite.name == name) {
            let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
            bail!("there is no suite `{name}`; there are {}", known.join(", "));
        }
    }
    Ok(SUITES
        .iter()
        .filter(|suite| names.is_empty() || names.iter().any(|name| name == suite.name))
        .collect())
}

fn run_suite(suite: &Suite) -> Tally {
    let mut tally = Tally::default();
    let mut deadline = Instant::now() + suite.budget;
    for step in suite.steps {
        let start = Instant::now();
        if start >= deadline {
            tally.fail(suite.name, "its time budget is used up; the rest did not run");
            break;
        }
        let build = match step {
            Step::Build(arguments) => Some(arguments.to_vec()),
            Step::Cargo(arguments) => builds_of(arguments),
            Step::Prepare(_) | Step::Own(_) => None,
        };
        if let Some(arguments) = build {
            let name = format!("{}: cargo {}", suite.name, arguments.join(" "));
            println!("$ cargo {}", arguments.join(" "));
            let ended = process::run(&mut workspace::cargo(&arguments), start + BUILD_LIMIT, process::print);
            deadline += start.elapsed();
            if !ended.is_ok_and(Ended::success) {
                tally.fail(&name, "the build failed");
                match step {
                    // What follows would run what an earlier build left.
                    Step::Build(_) => break,
                    Step::Cargo(_) | Step::Prepare(_) | Step::Own(_) => continue,
                }
            }
        }
        match step {
            Step::Build(_) => {}
            Step::Prepare(function) => {
                let prepared = function();
                deadline += start.elapsed();
                if let Err(error) = prepared {
                    tally.fail(&format!("{}: preparation", suite.name), &format!("{error:#}"));
                    break;
                }
            }
            Step::Own(function) => function(&mut tally, deadline),
            Step::Cargo(arguments) => tally.add(cargo_test(suite, arguments, deadline)),
        }
    }
    if tally.passed + tally.failed.len() + tally.skipped.len() == 0 {
        tally.fail(suite.name, "no test ran");
    }
    tally
}

/// The command that builds what `arguments` run; examples in the documentation are built as they run.
fn builds_of(arguments: &[&'static str]) -> Option<Vec<&'static str>> {
    let (first, rest) = arguments.split_first()?;
    let own = rest.iter().take_while(|argument| **argument != "--");
    (*first == "test" && !rest.contains(&"--doc"))
        .then(|| ["test", "--no-run"].iter().chain(own).copied().collect())
}

fn cargo_test(suite: &Suite, arguments: &[&str], deadline: Instant) -> Tally {
    let name = format!("{}: cargo {}", suite.name, arguments.join(" "));
    println!("$ cargo {}", arguments.join(" "));
    let mut libtest = Libtest::default();
    let ended = process::run(&mut workspace::cargo(arguments), deadline, |line| {
        process::print(line);
        match line {
            Line::Out(text) => libtest.line(text),
            // cargo's own words also come here; only the sentence of a skipped test counts.
            Line::Err(text) if text.contains("SKIPPED ") => libtest.line(text),
            Line::Err(_) => {}
        }
    });
    let mut tally = Tally::default();
    match ended {
        Ok(Ended::Exited(status)) => tally.add(libtest.finish(&name, status.success())),
        Ok(Ended::TimedOut) => {
            tally.add(libtest.finish(&name, true));
            tally.fail(&name, &format!("killed after {}", human(suite.budget)));
        }
        Err(error) => tally.fail(&name, &format!("{error:#}")),
    }
    tally
}

fn human(duration: Duration) -> String {
    format!("{} min", duration.as_secs() / 60)
}

/// A cold build of everything takes some ten minutes on two idle cores.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_built_outside_their_budget_and_examples_of_the_documentation_are_not() {
        let build = builds_of(&["test", "--package=a", "--", "--nocapture"]);
        assert_eq!(build, Some(vec!["test", "--no-run", "--package=a"]));
        assert_eq!(builds_of(&["test", "--workspace", "--doc"]), None);
    }

    #[test]
    fn nothing_runs_after_a_preparation_that_failed() {
        let suite = Suite {
            name: "broken",
            budget: Duration::from_secs(60),
            covers: "",
            needs: &[],
            steps: &[Step::Prepare(|| bail!("no network")), Step::Own(|tally, _| tally.pass("it ran"))],
        };
        let tally = run_suite(&suite);
        assert_eq!((tally.passed, tally.failed), (0, vec!["broken: preparation".to_owned()]));
    }

    #[test]
    fn an_unknown_suite_is_refused_with_the_names_there_are() {
        let error = chosen(&["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`nonsense`") && error.contains("unit"), "{error}");
    }

    #[test]
    fn suites_run_in_the_order_of_the_table() {
        let names: Vec<_> = chosen(&["proto".to_owned(), "check".to_owned()])
            .unwrap()
            .iter()
            .map(|suite| suite.name)
            .collect();
        assert_eq!(names, ["check", "proto"]);
    }
}
