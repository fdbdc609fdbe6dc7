//! Where a setting comes from, and what is said about a wrong one.

use super::program::{Folder, err, out, run};

#[tokio::test]
async fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = Folder::new("precedence");
    let file = folder.file("ringback.toml", "echo_lines = 2\n");
    let lines = async |flags: &[&str], environment: &[(&str, &str)]| {
        let output = run(&[flags, &["--check"]].concat(), environment).await;
        assert!(output.status.success(), "{}", err(&output));
        out(&output).lines().find(|line| line.starts_with("echo_lines")).unwrap().to_owned()
    };
    let (with_file, env) = (["--config", file.as_str()], [("RINGBACK_ECHO_LINES", "3")]);
    assert_eq!(lines(&[], &[]).await, "echo_lines = 4");
    assert_eq!(lines(&with_file, &[]).await, "echo_lines = 2");
    assert_eq!(lines(&with_file, &env).await, "echo_lines = 3  # environment");
    assert_eq!(lines(&["--config", &file, "--echo-lines", "5"], &env).await, "echo_lines = 5  # flag");
    assert_eq!(lines(&[], &[("RINGBACK_CONFIG", &file)]).await, "echo_lines = 2");
}

#[tokio::test]
async fn a_flag_can_switch_off_what_the_file_switches_on() {
    let folder = Folder::new("switches");
    let file = folder.file("ringback.toml", "[tls]\nself_signed = true\n");
    let output = run(&["--config", &file, "--tls-self-signed=false", "--check"], &[]).await;
    assert!(out(&output).contains("tls_self_signed = false  # flag"), "{}", out(&output));
}

#[tokio::test]
async fn a_checked_configuration_is_a_file_that_means_the_same() {
    let folder = Folder::new("again");
    let flags = [
        "--echo-delay-ms",
        "900",
        "--tls-name",
        "a.lan",
        "--tls-name",
        "b.lan",
        "--turn-host",
        "a\"b",
        "--check",
    ];
    let first = out(&run(&flags, &[]).await);
    let file = folder.file("ringback.toml", &first);
    let second = out(&run(&["--config", &file, "--check"], &[]).await);
    let bare = |text: &str| {
        text.lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bare(&first), bare(&second));
    assert!(second.contains("tls_name = [\"a.lan\", \"b.lan\"]"), "{second}");
}

#[tokio::test]
async fn a_wrong_file_is_refused_by_its_line() {
    let folder = Folder::new("wrong");
    for (content, line, why) in [
        ("listen = \"127.0.0.1:0\"\nlisen = 1\n", 2, "there is no setting `lisen`; there are listen, demo, "),
        ("[echo]\nfoo = 1\n", 2, "there is no setting `echo_foo`"),
        ("\n\nlisten = 4000\n", 3, "`listen` is a text in quotes, not a whole number"),
        ("echo = \"yes\"\n", 1, "`echo` is true or false, not a text"),
        ("echo_lines = 1.5\n", 1, "`echo_lines` is a whole number, not a number with a fraction"),
        ("tls_name = [1]\n", 1, "`tls_name` is a text in quotes or a list of them, not a whole number"),
        ("echo_lines = 99\n", 1, "invalid value '99' for '--echo-lines <N>': 99 is not in 1..=32"),
        ("\nlisten = \"here\"\n", 2, "invalid value 'here' for '--listen <ADDR:PORT>'"),
        ("listen = \"127.0.0.1:0\"\nlisten = \"127.0.0.1:0\"\n", 2, "duplicate key"),
        ("listen = \n", 1, ""),
    ] {
        let file = folder.file("ringback.toml", content);
        let output = run(&["--config", &file], &[]).await;
        assert_eq!(output.status.code(), Some(2), "{content}");
        let wanted = format!("error: {file}:{line}: {why}");
        assert!(err(&output).starts_with(&wanted), "{}\nis not\n{wanted}", err(&output));
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let output = run(&["--config", "/nowhere.toml"], &[]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("cannot read the configuration file /nowhere.toml"), "{}", err(&output));
}

#[tokio::test]
async fn a_wrong_value_of_the_environment_is_refused() {
    let output = run(&[], &[("RINGBACK_ECHO_LINES", "many")]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("invalid value 'many' for '--echo-lines <N>'"), "{}", err(&output));
}

#[tokio::test]
async fn a_wrong_value_of_the_environment_is_not_blamed_on_the_file() {
    let folder = Folder::new("blame");
    let file = folder.file("ringback.toml", "log_format = \"json\"\n");
    let output = run(&["--config", &file], &[("RINGBACK_ECHO_LINES", "many")]).await;
    assert_eq!(output.status.code(), Some(2));
    let why = err(&output);
    assert!(why.starts_with("error: invalid value 'many' for '--echo-lines <N>'"), "{why}");
}

#[tokio::test]
async fn secrets_are_neither_in_the_help_nor_in_the_check() {
    let environment = [
        ("RINGBACK_JWT_SECRET", "hunter2"),
        ("RINGBACK_API_KEY", "hunter2"),
        ("RINGBACK_STATUS_KEY", "hunter2"),
    ];
    for flag in ["--help", "--check"] {
        let output = run(&[flag], &environment).await;
        assert!(output.status.success());
        assert!(!out(&output).contains("hunter2"), "{}", out(&output));
    }
}

#[tokio::test]
async fn the_readme_lists_every_flag_with_its_default() {
    let help = out(&run(&["--help"], &[]).await);
    let readme = include_str!("../../README.md");
    let mut flag = None;
    let mut flags = 0;
    for line in help.lines().map(str::trim) {
        if let Some(name) = line.split(['[', '=', ' ']).next().filter(|name| name.starts_with("--")) {
            assert!(readme.contains(&format!("| `{name}` |")), "no row for {name}");
            flag = Some(name);
            flags += 1;
        }
        if let (Some(name), Some(default)) = (flag, line.strip_prefix("[default: ")) {
            let default = default.trim_end_matches(']');
            let row = readme.lines().find(|row| row.starts_with(&format!("| `{name}` |"))).unwrap();
            assert!(row.contains(&format!("`{default}`")), "the default of {name} is {default}: {row}");
        }
    }
    assert!(flags > 10, "{help}");
}

#[tokio::test]
async fn a_secret_that_everybody_knows_is_refused_where_others_connect() {
    for flags in [&["--listen", "0.0.0.0:0"][..], &["--listen", "0.0.0.0:0", "--check"]] {
        let output = run(flags, &[]).await;
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(err(&output).contains("give --jwt-secret"), "{}", err(&output));
    }
    for flag in ["--jwt-secret=hunter2", "--demo"] {
        let output = run(&["--listen", "0.0.0.0:0", flag, "--check"], &[]).await;
        assert!(output.status.success(), "{}", err(&output));
    }
}
